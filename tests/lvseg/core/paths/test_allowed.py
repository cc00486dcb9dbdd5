"""A form reaches the folders that a worker was given, by no way others."""

from pathlib import Path

import pytest

from lvseg.core.errors import UserError
from lvseg.core.paths.allowed import below, folders


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """Return the folder that may be used; beside it lies one that may not, with a name that begins alike."""
    (tmp_path / "given/in").mkdir(parents=True)
    (tmp_path / "given-not/in").mkdir(parents=True)
    (tmp_path / "given/way-out").symlink_to(tmp_path / "given-not")
    (tmp_path / "given/loop").symlink_to(tmp_path / "given/loop")
    (tmp_path / "way-in").symlink_to(tmp_path / "given")
    return tmp_path / "given"


@pytest.mark.parametrize(
    "path",
    [
        "../given-not",
        "../given-not/in",
        "in/../..",
        "way-out",
        "way-out/in",
        "loop",
        "a\0b",
        "/etc",
        "~",
        "in\n/../..",
    ],
)
def test_no_way_leads_out(given: Path, path: str) -> None:
    with pytest.raises(UserError, match="studies: a path is not within") as refused:
        below(given / path if path != "~" else Path("~"), [given], "studies", "LVSEG_STUDIES")
    assert str(given / path) not in str(refused.value), "it may name a patient"


def test_a_relative_path_is_none(given: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(given)
    with pytest.raises(UserError):
        below(Path("in"), [given], "studies", "LVSEG_STUDIES")


def test_what_lies_within_is_found_by_its_own_path(given: Path) -> None:
    assert below(given / "in", [given], "studies", "S") == given / "in"
    assert below(given.parent / "way-in/in", [given], "studies", "S") == given / "in"
    assert below(given / "not yet", [given], "out", "S") == given / "not yet"


def test_settings_name_whole_paths(given: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LVSEG_STUDIES", f"{given}:{given.parent / 'way-in'}")
    assert folders("LVSEG_STUDIES", []) == [given, given]
    monkeypatch.setenv("LVSEG_STUDIES", "given")
    with pytest.raises(UserError, match="no absolute path"):
        folders("LVSEG_STUDIES", [])
