"""Where a training runs, on how many threads and with which kernels: all of it belongs to its result.

Import this module before Keras or TensorFlow elsewhere: it keeps TensorFlow's start-up notes off the terminal, and what
the environment or `~/.keras/keras.json` would change out of the numbers (see `lvseg.core.kernels`).
"""

import ctypes
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lvseg.core import kernels
from lvseg.core.errors import UserError
from lvseg.core.own_lines import say

__all__ = ["keras", "prepare", "tf"]

# Failures still reach the user, as exceptions; what this drops is notes such as "could not find CUDA drivers".
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what is written to file descriptor 2, and show it only if something is raised.

    TensorFlow writes its first notes before it reads its own log level, so no setting silences them.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


@contextmanager
def _no_keras_json() -> Iterator[None]:
    """Let Keras start without the settings in a user's home, and write none there."""
    home = os.environ.get("KERAS_HOME")
    with tempfile.TemporaryDirectory() as empty:
        os.environ["KERAS_HOME"] = empty
        try:
            yield
        finally:
            del os.environ["KERAS_HOME"]
            if home is not None:
                os.environ["KERAS_HOME"] = home


# What Keras and TensorFlow import if it happens to be installed, for functions that nobody here calls: wrappers for
# scikit-learn, galleries in Matplotlib, tables of pandas as input, TensorFlow Lite's converter of JAX programs.
_NOT_NEEDED = ("jax", "matplotlib", "pandas", "sklearn")


@contextmanager
def _without(names: tuple[str, ...]) -> Iterator[None]:
    """Let what is imported meanwhile find none of some libraries; those that are there already stay."""
    absent: dict[str, Any] = {name: None for name in names if name not in sys.modules}
    sys.modules.update(absent)
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


def _leave_out_choices() -> list[str]:
    """Take the variables that choose kernels out of the environment; return those that TensorFlow has read already."""
    _, chosen = kernels.without_choices(os.environ)
    for name in chosen:
        del os.environ[name]
    if "tensorflow" in sys.modules:
        return chosen
    if chosen:
        _warn(f"not heeded, for other kernels give other numbers: {', '.join(chosen)}")
    return []


def _warn(message: str) -> None:
    """Print one line to stderr."""
    say(f"warning: {message}", sys.stderr)


_TOO_LATE = _leave_out_choices()
os.environ["KERAS_BACKEND"] = kernels.backend_name(os.environ)
if os.environ["KERAS_BACKEND"] == "jax":
    # Before JAX starts: its fastest kernels on a GPU add in an order that changes from run to run.
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_gpu_deterministic_ops=true".strip()

# They take half of the seconds in which every command that asks a network is otherwise ready.
with _quiet(), _no_keras_json(), _without(tuple(set(_NOT_NEEDED) - {os.environ["KERAS_BACKEND"]})):
    import keras

    if keras.backend.backend() == "tensorflow":  # where only JAX is installed there is none to import
        import tensorflow as tf

        # A last batch that is smaller than the others is traced anew; that is no fault that a user could mend.
        tf.get_logger().setLevel("ERROR")


def prepare(threads: int, seed: int | None) -> str:
    """Make the coming computation repeatable, and return the device it will run on, in words.

    Sets the seeds of Python, NumPy and the backend. On TensorFlow also the number of threads of one operation, how many
    operations run at once, and deterministic kernels, and on a GPU lets memory grow, so that other processes find some.

    Args:
        threads: of one operation; sums are split by it, so another number gives other weights. JAX takes all cores.
        seed: of the first weights and of dropout; None sets none: nothing is drawn by chance.

    Raises:
        UserError: the environment chose other kernels, and nothing can be done about that any more.
    """
    kernels.refuse_choices(os.environ)
    if _TOO_LATE:
        raise UserError(f"{', '.join(_TOO_LATE)}: TensorFlow was loaded with other kernels by it: unset it")
    # As Keras has them without `keras.json`, should somebody have loaded it before.
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")
    keras.config.set_dtype_policy("float32")
    if keras.backend.backend() != "tensorflow":
        _set_seed(seed)
        return f"{keras.distribution.list_devices()[0]}, {keras.backend.backend()}"
    _set_threads(threads)
    _keep_freed_memory()
    tf.config.experimental.enable_op_determinism()
    _set_seed(seed)
    # One training uses one GPU; CUDA_VISIBLE_DEVICES says which.
    gpus = tf.config.list_physical_devices("GPU")[:1]
    try:
        tf.config.set_visible_devices(gpus, "GPU")
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
    except RuntimeError as error:  # TensorFlow has started on it already
        _warn(f"memory growth and choice of the GPU stay as they are ({error})")
    if gpus:
        name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", gpus[0].name)
        return f"GPU {name}, memory growth on"
    return f"CPU, {threads} {'thread' if threads == 1 else 'threads'}"


def _set_seed(seed: int | None) -> None:
    """Set the seeds, unless there is none to set."""
    if seed is not None:
        keras.utils.set_random_seed(seed)


_AT_ONCE = 2  # operations; on two cores four take longer than two


def _set_threads(threads: int) -> None:
    """Fix the thread pools; only possible before TensorFlow runs its first operation.

    Two operations may run at once, such as both gradients of a convolution: on two cores a training is a sixth faster,
    as one operation alone leaves a quarter of them idle (docs/unet.md). Each gives the same bits as alone.
    """
    pools, at_once = tf.config.threading, min(threads, _AT_ONCE)
    if (pools.get_intra_op_parallelism_threads(), pools.get_inter_op_parallelism_threads()) == (
        threads,
        at_once,
    ):
        return
    try:
        pools.set_intra_op_parallelism_threads(threads)
        pools.set_inter_op_parallelism_threads(at_once)
    except RuntimeError:
        _warn(f"TensorFlow runs already, not on {threads} threads: a fresh process may give other weights")


# Of glibc's <malloc.h>.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_MOST = 2**31 - 1  # bytes


def _keep_freed_memory() -> None:
    """Let glibc keep what is freed for the next step instead of handing it back to the system.

    Each step of a training frees some hundred MiB and asks for them again. Got anew from the system they are cleared
    page by page, which took a third of a step's time on two cores (docs/unet.md). Other libraries of C, which
    have no `mallopt`, stay as they are.
    """
    if hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, _MOST)
