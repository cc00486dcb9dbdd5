"""What the environment may say of kernels: left out, refused, or part of a fingerprint."""

import pytest

from lvseg.core.errors import UserError
from lvseg.core.kernels import backend_name, processor, refuse_choices, told, without_choices


def test_what_chooses_kernels_is_left_out_and_named() -> None:
    choices = {
        "TF_ENABLE_ONEDNN_OPTS": "0", "TF_XLA_FLAGS": "--tf_xla_auto_jit=2", "TF_SOMETHING_OF_TOMORROW": "1",
        "ONEDNN_MAX_CPU_ISA": "AVX2", "DNNL_MAX_CPU_ISA": "AVX2", "NVIDIA_TF32_OVERRIDE": "0",
        "KERAS_MAX_EPOCHS": "1", "CUBLAS_WORKSPACE_CONFIG": ":16:8",
    }  # fmt: skip
    others = {
        "PATH": "/bin", "TF_CPP_MIN_LOG_LEVEL": "3", "TF_FORCE_GPU_ALLOW_GROWTH": "true", "ONEDNN_VERBOSE": "1",
        "TF_CLI_CONFIG_FILE": "terraform", "TF_VAR_region": "terraform", "CUDA_VISIBLE_DEVICES": "1",
    }  # fmt: skip
    assert without_choices(choices | others) == (others, sorted(choices))


def test_what_was_read_before_anybody_could_leave_it_out_is_refused() -> None:
    refuse_choices({"GLIBC_TUNABLES": "glibc.malloc.arena_max=1", "OPENBLAS_NUM_THREADS": "1"})
    for name, value in (("NPY_DISABLE_CPU_FEATURES", "AVX2"), ("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-AVX2")):
        with pytest.raises(UserError, match=f"{name}=.*unset it"):
            refuse_choices({name: value})


def test_a_backend_and_its_flags_are_told_and_places_are_not() -> None:
    places = "--xla_gpu_cuda_data_dir=/usr/lib/cuda --xla_dump_to=/x --xla_gpu_deterministic_ops=true"
    assert told({"KERAS_BACKEND": "tensorflow", "XLA_FLAGS": places, "JAX_ENABLE_X64": "1"}) == {}
    jax = {"KERAS_BACKEND": "jax", "XLA_FLAGS": f"--b=1 {places} --a=1", "JAX_ENABLE_X64": "1"}
    assert told(jax | {"JAX_PLATFORMS": "cpu"}) == jax | {"XLA_FLAGS": "--a=1 --b=1"}
    with pytest.raises(UserError, match=r"KERAS_BACKEND=torch: .* tensorflow or jax"):
        backend_name({"KERAS_BACKEND": "torch"})


def test_a_processor_is_told_by_kind() -> None:
    assert processor() == processor() and processor().split(":")[0].isidentifier()
