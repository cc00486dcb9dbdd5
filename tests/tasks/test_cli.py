"""The command line lists every command, imports only the one called, and shows a user's error in one line."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from lvseg.cli.commands import commands, stages
from tests.conftest import REPOSITORY


def lvseg(*arguments: str, cwd: Path = REPOSITORY, columns: int = 80) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lvseg")), *arguments]
    return subprocess.run(command, cwd=cwd, env={"COLUMNS": str(columns)}, capture_output=True, text=True)


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_lists_each_command_in_one_line_that_fits_a_terminal(option: str) -> None:
    listed = lvseg(option)
    assert listed.returncode == 0, listed.stderr
    lines = listed.stdout.splitlines()
    assert max(map(len, lines)) <= 80 and "..." not in listed.stdout.replace("[ARGS]...", "")
    shown = [line.split(maxsplit=1) for line in lines[lines.index("Stages of the pipeline:") :] if line]
    names = [name for name, *_ in shown if name in commands()]
    assert names == [*stages(), *(name for name in commands() if name not in stages())]
    assert [told for name, *told in shown if name in names] == [[commands()[name].summary] for name in names]
    assert "  repro        Run the pipeline up to the comparison of the models." in lines


@pytest.mark.parametrize("option", ["--help", "-h"])
@pytest.mark.parametrize("command", ["repro", "inspect", "predict"])
def test_a_command_shows_its_own_help(command: str, option: str) -> None:
    shown = lvseg(command, option)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith(f"Usage: lvseg {command} ")
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert "-h, --help" in shown.stdout


def test_a_task_alone_shows_its_help_too() -> None:
    command = [sys.executable, "-m", "tasks.split", "-h"]
    shown = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert shown.returncode == 0 and "-h, --help" in shown.stdout, shown.stderr


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version(option: str, tmp_path: Path) -> None:
    said = lvseg(option, cwd=tmp_path)
    assert (said.returncode, said.stdout) == (0, f"lvseg {version('lvseg')}\n")


def test_an_unknown_command_is_named() -> None:
    refused = lvseg("repo")
    assert refused.returncode == 2
    assert "No such command 'repo'" in refused.stderr and "repro" in refused.stderr


@pytest.mark.parametrize("command", ["repro", "promote"])
def test_a_users_error_is_one_line_and_the_tasks_are_found_from_anywhere(
    command: str, tmp_path: Path
) -> None:
    refused = lvseg(command, cwd=tmp_path)
    assert refused.returncode == 1
    assert refused.stderr == "error: params.yaml is missing: run from the root of the repository\n"


def test_a_checkout_installs_nothing_but_lvseg(tmp_path: Path) -> None:
    script = (
        "import importlib.util as u; print([n for n in ('tasks', 'tracking', 'flows') if u.find_spec(n)])"
    )
    found = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert found.stdout == "[]\n", found.stderr
