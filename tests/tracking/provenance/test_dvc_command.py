"""DVC's settings as we write them: DVC reads the very same values back, and nobody else can."""

from pathlib import Path

import pytest

from lvseg.core.errors import UserError
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
