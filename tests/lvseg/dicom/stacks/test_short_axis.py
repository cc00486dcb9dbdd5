"""The short-axis cine is found among all that a heart examination holds."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from lvseg.dicom.stacks import short_axis
from lvseg.studies.cohort import inputs
from tests.lvseg.studies.hearts import Change, Heart, axes, classic

SHORT = Heart(slices=6, phases=8, end_systole=4)


def plane(
    across: NDArray[np.float64],
    down: NDArray[np.float64],
    origin: tuple[float, float, float] = (5.0, 5, 5),
    **tags: object,
) -> Change:
    """Return a change that lays images into another plane and sets tags."""

    def change(ds: Dataset, slice_: int, phase: int) -> None:
        normal = np.cross(across, down)
        ds.ImageOrientationPatient = [*np.round(across, 8), *np.round(down, 8)]
        ds.ImagePositionPatient = list(np.round(np.array(origin) + 8 * slice_ * normal, 5))
        for name, value in tags.items():
            setattr(ds, name, value)

    return change


def own_plane(**tags: object) -> Change:
    """Return a change that keeps the short-axis plane; a callable tag is asked with slice and phase."""

    def change(ds: Dataset, slice_: int, phase: int) -> None:
        for name, value in tags.items():
            setattr(ds, name, value(slice_, phase) if callable(value) else value)

    return change


def examination(folder: Path, described: bool) -> Path:
    """Write a short-axis cine and everything that stands beside one; without descriptions only geometry tells."""
    across, down = axes()
    normal = np.cross(across, down)
    says = (lambda text: text) if described else (lambda text: "heart")
    classic(folder / "a", SHORT, description=says("SAX stack"))
    classic(folder / "b", Heart(slices=3, phases=8), plane(normal, down), series=301, description=says("4CH"))
    classic(
        folder / "c",
        Heart(slices=3, phases=1),
        plane(np.eye(3)[0], np.eye(3)[1]),
        series=1,
        description="scout",
    )
    classic(
        folder / "d",
        Heart(slices=3, phases=50),
        own_plane(TriggerTime=300.0),
        series=302,
        description=says("perfusion"),
    )
    classic(
        folder / "e",
        Heart(slices=1, phases=20),
        own_plane(ImageType=["ORIGINAL", "PRIMARY", "P"]),
        series=303,
    )
    classic(folder / "f", Heart(slices=1, phases=20), own_plane(), series=304, description=says("flow"))
    classic(
        folder / "g",
        Heart(slices=3, phases=8),
        own_plane(InversionTime=lambda slice_, phase: 100.0 + 80 * phase, TriggerTime=600.0),
        series=305,
        description=says("MOLLI"),
    )
    classic(folder / "h", Heart(slices=12, phases=1), own_plane(), series=306, description=says("LGE"))
    classic(
        folder / "i",
        Heart(slices=20, phases=1),
        plane(np.eye(3)[0], np.eye(3)[1]),
        series=307,
        description="HASTE",
    )
    return folder


@pytest.mark.parametrize("described", [True, False])
def test_the_short_axis_is_found_in_a_whole_examination(described: bool, tmp_path: Path) -> None:
    (found,) = inputs.studies(examination(tmp_path / "x", described))
    choice = short_axis.choose(found.images)
    assert choice.series == "series 300", choice
    assert len(choice.images) == 48
    assert "6 slices x 8 phases" in choice.why
    assert ("called short axis" in choice.why) == described
    assert any("velocity" in other for other in choice.others)
    assert len(choice.others) >= 6


def test_of_two_complete_scans_the_later_is_taken(tmp_path: Path) -> None:
    classic(tmp_path / "x" / "a", SHORT, series=310)
    classic(tmp_path / "x" / "b", SHORT, series=320)
    (found,) = inputs.studies(tmp_path / "x")
    assert short_axis.choose(found.images).series == "series 320"


def test_descriptions_are_not_repeated(tmp_path: Path) -> None:
    """They hold names at times."""
    (found,) = inputs.studies(classic(tmp_path / "x", SHORT, description="SAX of Mrs LEAKNAME"))
    choice = short_axis.choose(found.images)
    assert "LEAK" not in choice.why + choice.series + " ".join(choice.others)


def test_what_is_called_something_else_must_show_more_to_be_taken(tmp_path: Path) -> None:
    """In archives whose geometry was lost, all slices piled up at the origin, only words tell."""
    flat = plane(np.eye(3)[0], np.eye(3)[1], origin=(0.0, 0, 0))
    classic(tmp_path / "x" / "a", Heart(slices=9, phases=8), flat, series=1, description="cine 2ch stack")
    classic(tmp_path / "x" / "b", Heart(slices=5, phases=8), flat, series=2, description="cine")
    (found,) = inputs.studies(tmp_path / "x")
    assert short_axis.choose(found.images).series == "series 2"
