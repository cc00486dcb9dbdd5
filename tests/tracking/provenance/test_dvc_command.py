"""DVC's settings as we write them: DVC reads the very same values back, and nobody else can."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lvseg.core.errors import UserError
from tests.conftest import REPOSITORY
from tracking.provenance.dvc_command import LINKS, dvc, dvc_settings, share_cache, write_dvc_settings

ODD = {
    "secret_access_key": "a\"b'c#%, d",
    "session_token": 'x"y"',
    "endpointurl": "x'y'\"",
    "access_key_id": "\"'",
}


def test_dvc_reads_back_what_was_written(tmp_path: Path) -> None:
    settings = {f"remote.my.store.{name}": value for name, value in ODD.items()}
    settings |= {
        "remote.my.store.url": "s3://bucket/folder",
        "core.no_scm": "true",
        "core.remote": "my.store",
    }
    path = tmp_path / ".dvc/config"
    write_dvc_settings(path, settings | {"cache.dir": str(tmp_path / "a cache")})
    assert path.stat().st_mode & 0o777 == 0o600
    assert dvc_settings(tmp_path) == settings | {"cache.dir": str(tmp_path / "a cache")}


def test_a_worktree_shares_a_cache_by_links_and_a_list_of_types_confuses_nothing(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for place in (one, other):
        write_dvc_settings(place / ".dvc/config", {"core.no_scm": "true"})
    (one / ".dvc/config.local").write_text("[cache]\ntype = reflink,copy\n")
    settings = dvc_settings(one)
    assert settings["cache.dir"] == str(one / ".dvc/cache") and "cache.type" not in settings
    share_cache(other, settings)
    assert dvc("cache", "dir", root=other).strip() == str(one / ".dvc/cache")
    assert dvc("config", "cache.type", root=other).strip() == LINKS


def test_the_reason_is_the_one_that_dvc_gives(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"dvc status: ERROR: .*not inside of a DVC repository"):
        dvc("status", root=tmp_path)


def site_cache(said: str) -> Path:
    """Return where DVC remembers files, as `dvc doctor` says it."""
    (found,) = (line.partition(": ")[2] for line in said.splitlines() if "site_cache_dir" in line)
    return Path(found)


def test_what_dvc_unpickles_lies_where_nobody_else_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its own choice it is /var/tmp/dvc, which the first user of the machine makes for all."""
    monkeypatch.delenv("DVC_SITE_CACHE_DIR", raising=False)
    monkeypatch.setenv("LVSEG_HOME", str(tmp_path / "state"))
    write_dvc_settings(tmp_path / ".dvc/config", {"core.no_scm": "true"})
    for mode in (None, 0o777):
        if mode:
            (tmp_path / "state/dvc").chmod(mode)
        assert site_cache(dvc("doctor", root=tmp_path)).is_relative_to(tmp_path / "state/dvc")
        assert (tmp_path / "state/dvc").stat().st_mode & 0o777 == 0o700


def test_a_plain_dvc_of_a_clone_has_a_private_place_too(tmp_path: Path) -> None:
    for name in (".dvc/config", "requirements/dvc.sh"):
        (tmp_path / name).parent.mkdir()
        shutil.copy(REPOSITORY / name, tmp_path / name)
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    subprocess.run(["sh", "requirements/dvc.sh"], cwd=tmp_path, check=True)
    plain = {name: value for name, value in os.environ.items() if not name.startswith("DVC_")}
    (tmp_path / "sub").mkdir()
    for folder in (tmp_path, tmp_path / "sub"):
        told = subprocess.run(
            [sys.executable, "-m", "dvc", "doctor"],
            cwd=folder,
            env=plain,
            capture_output=True,
            text=True,
            check=True,
        )
        assert site_cache(told.stdout).is_relative_to(tmp_path / ".lvseg/dvc")
    assert (tmp_path / ".lvseg/dvc").stat().st_mode & 0o777 == 0o700
