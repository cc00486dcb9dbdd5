"""What `lvseg reproduce` says of surroundings before it builds anything."""

import os

import pytest

from lvseg.core import kernels
from tasks.reproduce import describe
from tracking.provenance.raw_data import Raw
from tracking.provenance.reproduction import Plan


def plan(processor: str, **surroundings: str) -> Plan:
    """Return a plan for a version with recorded surroundings."""
    return Plan(
        commit="c" * 40,
        stage="train-cnn",
        model="cnn",
        raw=(Raw("data/raw", stage=None, cached=True), Raw("data/phantom", stage="phantom", cached=False)),
        raw_hashes=("r", "s"),
        ids_public=True,
        recorded={},
        device="CPU, 2 threads",
        surroundings=surroundings,
        processor=processor,
        other_libraries=False,
    )


def test_what_differs_here_from_then_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*kernels.without_choices(os.environ)[1], "KERAS_BACKEND", "XLA_FLAGS"):
        monkeypatch.delenv(name, raising=False)
    here = kernels.processor()
    assert "surroundings" not in describe(plan(here))
    assert "was not recorded" in describe(plan(""))
    other = describe(plan("x86_64: avx512f"))
    assert f"processor here    {here}" in other and "x86_64: avx512f: weights may differ" in other
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    monkeypatch.setenv("XLA_FLAGS", "--fast")
    said = describe(plan(here, KERAS_BACKEND="jax"))
    for words in (
        "KERAS_BACKEND=jax, as recorded",
        "TF_ENABLE_ONEDNN_OPTS is set here",
        "XLA_FLAGS is set here",
    ):
        assert words in said


def test_the_build_has_the_recorded_surroundings_and_no_others() -> None:
    here = {"PATH": "/bin", "TF_ENABLE_ONEDNN_OPTS": "0", "XLA_FLAGS": "--fast", "KERAS_BACKEND": "jax"}
    assert kernels.as_recorded(here, {}) == {"PATH": "/bin"}
    assert kernels.as_recorded(here, {"KERAS_BACKEND": "jax"}) == {"PATH": "/bin", "KERAS_BACKEND": "jax"}
