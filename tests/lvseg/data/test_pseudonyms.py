"""Names that tell nothing without the key."""

import re
from pathlib import Path

import pytest

from lvseg.core.errors import UserError
from lvseg.data.pseudonyms import pseudonym, study_name


def test_pseudonyms_are_stable_secret_and_keyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LVSEG_HOME", str(tmp_path / "one"))
    name = pseudonym("SC-N-05", public=False)
    assert name == pseudonym("SC-N-05", public=False) != pseudonym("SC-N-06", public=False)
    assert re.fullmatch("P[0-9a-f]{12}", name)
    assert pseudonym("SC-N-05", public=True) == "SC-N-05"
    assert (tmp_path / "one/pseudonym.key").stat().st_mode & 0o077 == 0
    monkeypatch.setenv("LVSEG_HOME", str(tmp_path / "two"))
    assert pseudonym("SC-N-05", public=False) != name
    (tmp_path / "two/pseudonym.key").write_text("")
    with pytest.raises(UserError, match=r"pseudonym\.key is damaged"):
        pseudonym("SC-N-05", public=False)


def test_a_study_is_named_by_its_uid_after_what_may_be_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LVSEG_HOME", str(tmp_path))
    assert re.fullmatch("S[0-9a-f]{12}", study_name("1.2.3"))
    assert study_name("1.2.3") != study_name("1.2.4")
    assert study_name("1.2.3", " A/b^1 ") == f"A_b_1-{study_name('1.2.3')}"
