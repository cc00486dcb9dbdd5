"""What is written is whole or absent, and a link to a folder is refused before anything is done."""

from pathlib import Path

import pytest

from lvseg.core.errors import UserError
from lvseg.core.paths.files import atomic_path


def test_a_link_in_place_of_a_folder_is_refused_at_once_and_kept(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk/old").write_text("old")
    link = tmp_path / "models"
    link.symlink_to(tmp_path / "disk")
    with pytest.raises(UserError, match=r"models is a link to .*disk.*rm "), atomic_path(link):
        pytest.fail("the work was done")
    assert (link / "old").read_text() == "old"
    file = tmp_path / "split.csv"  # DVC makes single files links into its cache
    file.symlink_to(tmp_path / "disk/old")
    with atomic_path(file) as temporary:
        temporary.write_text("new")
    assert file.read_text() == "new" and not file.is_symlink() and (link / "old").read_text() == "old"
