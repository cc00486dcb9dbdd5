"""What the environment and the machine have to say about kernels, the code that adds and multiplies.

Other kernels give weights other last digits, which a training makes larger. So variables that choose kernels are left
out, refused where that comes too late, or told, so that they become part of a fingerprint. Needs no Keras.
"""

import os
import platform
import re
from collections.abc import Mapping
from pathlib import Path

from lvseg.core.errors import UserError

BACKENDS = ("tensorflow", "jax")  # the first is the default
# TensorFlow alone has hundreds of switches: all of them are left out but those that change no number.
_CHOOSE = (
    "TF_", "ONEDNN_", "DNNL_", "MKL_", "CUDNN_", "CUBLAS_", "NVIDIA_TF32_OVERRIDE", "KERAS_MAX_", "KERAS_NNX_",
)  # fmt: skip
_HARMLESS = re.compile(
    r"TF_(CPP_|CONFIG$|CUDA_PATHS|FORCE_GPU_ALLOW_GROWTH|GPU_ALLOCATOR|GPU_THREAD_)|(ONEDNN|DNNL|MKL)_VERBOSE|CUDNN_LOG"
    # Terraform's, which begin alike.
    r"|TF_(CLI_|DATA_DIR|IGNORE|IN_AUTOMATION|INPUT|LOG|PLUGIN_|REGISTRY_|REATTACH_|STATE_|TOKEN_|VAR_|WORKSPACE)"
)
# NumPy and the C library have read these before anything of ours runs.
_READ_AT_START = {
    "NPY_DISABLE_CPU_FEATURES": ".", "NPY_ENABLE_CPU_FEATURES": ".", "OPENBLAS_CORETYPE": ".",
    "GLIBC_TUNABLES": "hwcaps",
}  # fmt: skip
# Flags of XLA that say where files lie, and the one that `lvseg.core.backend` adds.
_PLACES = re.compile(r"--xla_(gpu_cuda_data_dir|dump_\w+|gpu_deterministic_ops)(=|$)")
_JAX_PLACES = re.compile(r"JAX_(PLATFORMS|COMPILATION_CACHE|PERSISTENT_CACHE|LOG)")
# What kernels of TensorFlow, oneDNN, NumPy and the C library ask a processor for, by Linux's names.
_FEATURES = re.compile(r"(fma|f16c|avx\w*|amx\w*|sve\w*|asimd\w*)")


def without_choices(environment: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return an environment without the variables that choose kernels, and the names of those that it had."""
    chosen = sorted(name for name in environment if name.startswith(_CHOOSE) and not _HARMLESS.match(name))
    return {name: value for name, value in environment.items() if name not in chosen}, chosen


def refuse_choices(environment: Mapping[str, str]) -> None:
    """Refuse an environment that chose other kernels of libraries which nobody can stop any more.

    Raises:
        UserError: the message names the variable.
    """
    for name, pattern in _READ_AT_START.items():
        if re.search(pattern, environment.get(name, "")):
            raise UserError(
                f"{name}={environment[name]} chooses other kernels, which give other numbers: unset it"
            )


def backend_name(environment: Mapping[str, str]) -> str:
    """Return the Keras backend to compute with; no file in the home of a user has a say in it.

    Raises:
        UserError: KERAS_BACKEND names another one than ours.
    """
    name = environment.get("KERAS_BACKEND") or BACKENDS[0]
    if name not in BACKENDS:
        raise UserError(f"KERAS_BACKEND={name}: lvseg computes with {' or '.join(BACKENDS)}; unset it")
    return name


def told(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables that a person may well choose kernels by, as part of a fingerprint; none by default.

    These are another backend with its own settings, and the flags of XLA but those that only name places.
    """
    backend = backend_name(environment)
    settings = {} if backend == BACKENDS[0] else {"KERAS_BACKEND": backend}
    flags = [flag for flag in environment.get("XLA_FLAGS", "").split() if not _PLACES.match(flag)]
    if flags:
        settings["XLA_FLAGS"] = " ".join(sorted(flags))
    if backend == "jax":
        of_jax = {name for name in environment if name.startswith("JAX_") and not _JAX_PLACES.match(name)}
        settings |= {name: environment[name] for name in sorted(of_jax)}
    return settings


def as_recorded(environment: Mapping[str, str], recorded: Mapping[str, str]) -> dict[str, str]:
    """Return an environment that chooses exactly what `told` has once returned."""
    kept, _ = without_choices(environment)
    return {name: value for name, value in kept.items() if name not in told(kept)} | dict(recorded)


def processor() -> str:
    """Return the kind of processor that kernels are chosen for, without its name: `x86_64: avx avx2 fma`."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:  # no Linux: the architecture says nearly all of it
        return platform.machine()
    flags = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    features = sorted(flag for flag in (flags[1].split() if flags else []) if _FEATURES.fullmatch(flag))
    return f"{platform.machine()}: {' '.join(features)}" if features else platform.machine()
