"""Where a training runs and on how many threads: both belong to its result.

Import this module before Keras or TensorFlow elsewhere: it keeps TensorFlow's start-up notes off the terminal.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["keras", "prepare"]

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


if os.environ.get("KERAS_BACKEND") == "jax":
    # Before JAX starts: its fastest kernels on a GPU add in an order that changes from run to run.
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_gpu_deterministic_ops=true".strip()

with _quiet():
    import keras

    if keras.backend.backend() == "tensorflow":  # where only JAX is installed there is none to import
        import tensorflow as tf

        # A last batch that is smaller than the others is traced anew; that is no fault that a user could mend.
        tf.get_logger().setLevel("ERROR")


def prepare(threads: int, seed: int | None) -> str:
    """Make the coming computation repeatable, and return the device it will run on, in words.

    Sets the seeds of Python, NumPy and the backend. On TensorFlow also the number of threads of one operation and
    deterministic kernels, and on a GPU lets memory grow, so that other processes find some.

    Args:
        threads: of one operation; sums are split by it, so another number gives other weights. JAX takes all cores.
        seed: of the first weights and of dropout; None sets none: nothing is drawn by chance.
    """
    if keras.backend.backend() != "tensorflow":
        _set_seed(seed)
        return f"{keras.distribution.list_devices()[0]}, {keras.backend.backend()}"
    _set_threads(threads)
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


def _set_threads(threads: int) -> None:
    """Fix the thread pools; only possible before TensorFlow runs its first operation."""
    pools = tf.config.threading
    if (pools.get_intra_op_parallelism_threads(), pools.get_inter_op_parallelism_threads()) == (threads, 1):
        return
    try:
        pools.set_intra_op_parallelism_threads(threads)
        pools.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        _warn(f"TensorFlow runs already, not on {threads} threads: a fresh process may give other weights")


def _warn(message: str) -> None:
    """Print one line to stderr."""
    print(f"warning: {message}", file=sys.stderr, flush=True)
