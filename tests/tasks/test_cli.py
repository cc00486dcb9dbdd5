"""The command line lists every task, imports only the one called, and shows a user's error in one line."""

import subprocess
import sys
from pathlib import Path

from tasks import cli

ROOT = Path(cli.__file__).parent.parent


def lvseg(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from tasks.cli import main; main()", *arguments]
    environment = {"PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


def test_help_lists_every_task_with_its_first_line() -> None:
    listed = lvseg("--help")
    assert listed.returncode == 0, listed.stderr
    shown = {line.split()[0] for line in listed.stdout.splitlines() if line.startswith("  ") and line.strip()}
    assert set(cli.names()) <= shown
    assert "repro        Run the pipeline up to the comparison of the models" in listed.stdout


def test_a_task_shows_its_own_help() -> None:
    shown = lvseg("repro", "--help")
    assert shown.returncode == 0, shown.stderr
    assert "Run what changed, from raw data to the comparison" in shown.stdout


def test_an_unknown_task_is_named() -> None:
    refused = lvseg("repo")
    assert refused.returncode == 2
    assert "No such command 'repo'" in refused.stderr and "repro" in refused.stderr


def test_a_users_error_is_one_line(tmp_path: Path) -> None:
    refused = lvseg("repro", cwd=tmp_path)
    assert refused.returncode == 1
    assert refused.stderr == "error: params.yaml is missing: run from the root of the repository\n"
