"""The environment of commands: this interpreter's programs first, nothing of a run around them."""

import os
import sys
from pathlib import Path

import pytest

from lvseg.core.environment import OF_A_RUN, command_environment


def test_programs_of_this_interpreter_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/elsewhere")
    assert command_environment()["PATH"] == f"{Path(sys.executable).parent}{os.pathsep}/elsewhere"
    monkeypatch.delenv("PATH")
    assert command_environment()["PATH"].endswith(os.defpath)


def test_what_is_left_out_and_what_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_DIR", "MLFLOW_RUN_ID", "PYTHONPATH", "KEPT"):
        monkeypatch.setenv(name, "outside")
    inside = command_environment(OF_A_RUN, MLFLOW_RUN_ID="inside")
    assert "GIT_DIR" not in inside and "PYTHONPATH" not in inside
    assert (inside["KEPT"], inside["MLFLOW_RUN_ID"]) == ("outside", "inside")
    assert command_environment()["GIT_DIR"] == "outside"
