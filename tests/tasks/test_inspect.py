"""`lvseg inspect` as a user meets it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.lvseg.labels.scd import Cine, write_layout
from tests.lvseg.labels.sources import forms


def inspect(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lvseg.cli", "inspect", *map(str, arguments)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)


def test_text_and_json_say_the_same(tmp_path: Path) -> None:
    write_layout(tmp_path, "D", Cine())
    (tmp_path / "dicoms/SCD0000101/3.dcm").write_bytes(b"")
    text, machine = inspect(tmp_path), inspect("--json", tmp_path)
    assert (text.returncode, machine.returncode) == (0, 0)
    found = json.loads(machine.stdout)
    (facts,) = found["patients"]
    assert {"id", "group", "series", "frames", "slices", "phases", "spacing_mm", "contours", "contours_joined",
            "flags"} <= facts.keys()  # fmt: skip
    assert facts["frames"] == 14
    assert found["set_aside"] == [{"file": str(tmp_path / "dicoms/SCD0000101/3.dcm"), "reason": "empty file"}]
    for shown in ("SC-HF-I-01", "14 frames", "6 of 6 icontour", "3.dcm: empty file", found["summary"]):
        assert shown in text.stdout


@pytest.mark.parametrize("content", [None, "nothing to see"])
def test_nothing_usable_ends_with_one_line_and_an_error(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "raw"
    if content:
        path.mkdir()
        (path / "readme.txt").write_text(content)
    done = inspect(path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
    assert str(path) in done.stderr


def test_a_label_that_nobody_knows_is_mapped_by_an_option(tmp_path: Path) -> None:
    forms.write_nnunet(tmp_path, forms.heart(), {"background": 0, "Kammer": 1, "MLV": 2, "LVC": 3})
    before, after = inspect(tmp_path), inspect("--label", "Kammer=right_ventricle", tmp_path)
    assert (before.returncode, after.returncode) == (0, 0)
    assert "`--label 1=STRUCTURE`" in before.stdout and "known: nothing that was drawn" in before.stdout
    assert "unmapped" not in after.stdout
    assert f"right ventricle on {2 * forms.SLICES} frames of 1 patient" in after.stdout
    for wrong, reason in (("Kammer", "write it as LABEL=STRUCTURE"), ("1=atrium", "is no structure")):
        done = inspect("--label", wrong, tmp_path)
        assert done.returncode == 1 and reason in done.stderr
