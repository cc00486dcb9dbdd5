"""What a command leaves on disk is its owner's alone."""

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import REPOSITORY
from tests.modes import others_may_read

COMMAND = """
import subprocess, sys
from pathlib import Path
from lvseg.core.command import run
from lvseg.core.paths.files import write_text
from lvseg.core.paths.places import state_home
from lvseg.data.pseudonyms import pseudonym

def main() -> None:
    pseudonym("a", public=False)
    write_text(state_home() / "shards/x/result.json", "{}")
    subprocess.run([sys.executable, "-c", "open('below', 'w')"], check=True)

run(main)
"""

DVC = "import sys; from dvc.cli import main; sys.exit(main(sys.argv[1:]))"


def run(folder: Path, *command: str) -> None:
    surroundings = {
        **os.environ,
        "LVSEG_HOME": str(folder / "state"),
        "PYTHONPATH": str(REPOSITORY),
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": str(folder / "site"),
    }
    subprocess.run(
        [sys.executable, *command], cwd=folder, env=surroundings, check=True, umask=0o022, timeout=120
    )


def test_what_a_command_writes_is_private(tmp_path: Path) -> None:
    run(tmp_path, "-c", COMMAND)
    assert (tmp_path / "below").is_file() and others_may_read(tmp_path) == []


def test_a_folder_of_state_that_others_could_enter_is_closed(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    state.chmod(0o755)
    (state / "result.json").touch(mode=0o644)
    run(tmp_path, "-m", "lvseg.cli", "--version")
    assert state.stat().st_mode & 0o777 == 0o700


def test_a_flow_run_is_private_whoever_started_it(tmp_path: Path) -> None:
    run(tmp_path, "-c", "import flows; open('written', 'w')")
    assert others_may_read(tmp_path) == []


def test_a_cache_that_a_group_shares_stays_shared(tmp_path: Path) -> None:
    tool = f"from lvseg.core.command import keep_private; keep_private(); {DVC}"
    (tmp_path / "data").write_text("1")
    for command in (["init", "--no-scm", "-q"], ["config", "cache.shared", "group"], ["add", "-q", "data"]):
        run(tmp_path, "-c", tool, *command)
    kept = list((tmp_path / ".dvc/cache/files/md5").rglob("*"))
    assert len(kept) == 2 and all(path.stat().st_mode & 0o040 for path in kept)
    assert all(path.stat().st_mode & 0o2030 == 0o2030 for path in kept if path.is_dir())
