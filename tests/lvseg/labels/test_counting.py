"""Contours find their images by what is drawn where sources count differently, and no line of a file is lost unsaid."""

from pathlib import Path

import numpy as np
import pytest

from lvseg.labels.layouts import find_patients
from lvseg.labels.patient import read_study
from lvseg.labels.study import Study
from tests.lvseg.labels.scd import ED, ES, Cine, dataset, to_bytes, write_contour, write_image

CINE = Cine()


def written(root: Path, image: str, contour: str, first: int, first_drawn: int, header: int = 1) -> Study:
    """Write a patient and read it.

    Args:
        root: where to.
        image: what names of images begin with.
        contour: what names of contours begin with.
        first: number of the first image in its name.
        first_drawn: the same in names of contours.
        header: the same in headers.
    """
    for number, slice_, phase in CINE.numbers():
        path = root / f"patient01/dicom/{image}{number - 1 + first:04d}.dcm"
        write_image(path, CINE.pixels(slice_, phase), number - 1 + header, slice_)
        if phase in (ED, ES):
            name = f"patient01/contours-manual/{contour}{number - 1 + first_drawn:04d}-icontour-manual.txt"
            write_contour(root / name, CINE.contour(slice_, phase))
    (patient,), _ = find_patients([root / "patient01"])
    return read_study(patient, first_pixel=1, all_pixels=True)


@pytest.mark.parametrize(
    ("image", "contour", "first", "first_drawn", "header"),
    [
        ("P01-", "P01-", 0, 0, 1),  # the layout of the 2012 right ventricle challenge
        ("IM-0001-", "IM-0001-", 0, 0, 1),
        ("IM-0001-", "IM-0001-", 0, 1, 1),  # two sources, of which one counts from 0
        ("IM-0004-", "IM-0001-", 1, 1, 0),
        ("scan_", "P01-", 0, 1, 1),
        ("IM-0004-", "IM-0001-", 101, 101, 1),
        ("IM-0001-", "IM-0001-", 1, 0, 1),  # no contour 0: ED and ES come later in the beat
        ("IM-0001-", "P01-", 1, 0, 1),
        ("IM-0001-", "IM-0001-", 0, 1, 0),
        ("IM-0001-", "IM-0001-", 0, 0, 0),
    ],
)
def test_a_contour_lies_on_the_image_that_it_was_drawn_on(
    image: str, contour: str, first: int, first_drawn: int, header: int, tmp_path: Path
) -> None:
    study = written(tmp_path, image, contour, first, first_drawn, header)
    right = {(slice_ + 1, phase) for _, slice_, phase in CINE.numbers() if phase in (ED, ES)}
    placed = {(frame.slice, frame.phase) for frame in study.joined}
    doubted = set(study.flags.get("ambiguous-number", {}))
    assert placed == right or doubted == set(study.endo), (placed, study.flags)
    if first == first_drawn:
        assert placed == right and not study.flags and study.cycle == {ED: "ED", ES: "ES"}


class Slow(Cine):
    """A heart that hardly moves from a phase to the next about end-diastole and end-systole, and beats in ten."""

    phases, ed, es = 10, 3, 8

    def radius(self, slice_: int, phase: int) -> float:
        return 11 + 2 * float(np.cos(2 * np.pi * (phase - self.ed) / self.phases)) - slice_

    def numbers(self) -> list[tuple[int, int, int]]:
        return [(s * self.phases + p, s, p) for s in range(4) for p in range(1, self.phases + 1)]


@pytest.mark.parametrize(
    ("first", "header", "first_drawn", "doubted"),
    [(1, 1, 1, False), (1, 1, 0, True), (0, 0, 1, False), (0, 0, 0, False)],
)
def test_a_phase_off_where_the_heart_stands_still_shows_in_the_beat(
    first: int, header: int, first_drawn: int, doubted: bool, tmp_path: Path
) -> None:
    """Contours of such a heart fit their neighbours as well: the whole beat tells that all are off by the same."""
    cine = Slow()
    for number, slice_, phase in cine.numbers():
        image = dataset(cine.pixels(slice_, phase), number - 1 + header, slice_)
        image.CardiacNumberOfImages = cine.phases
        path = tmp_path / f"SC-N-01/IM-0001-{number - 1 + first:04d}.dcm"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(to_bytes(image))
        if phase in (cine.ed, cine.es):
            name = f"contours/SC-N-01/IM-0001-{number - 1 + first_drawn:04d}-icontour-manual.txt"
            write_contour(tmp_path / name, cine.contour(slice_, phase))
    (patient,), _ = find_patients([tmp_path])
    study = read_study(patient, first_pixel=1, all_pixels=True)
    assert set(study.flags) == ({"ambiguous-number"} if doubted else set())
    assert doubted or study.cycle == {cine.ed: "ED", cine.es: "ES"}
    if doubted:
        assert set(study.flags["ambiguous-number"]) == set(study.endo)
        assert "maybe contours count from 0" in next(iter(study.flags["ambiguous-number"].values()))


def drawn_twice(root: Path, *lines: str) -> Study:
    """Write a patient whose files of contours hold a line again or another beside it."""
    for number, slice_, phase in CINE.numbers():
        write_image(root / f"SC-N-01/IM-0001-{number:04d}.dcm", CINE.pixels(slice_, phase), number, slice_)
        if phase in (ED, ES):
            points = CINE.contour(slice_, phase)
            middle = points.mean(axis=0)
            texts = {
                "the line": points,
                "smaller": middle + 0.3 * (points - middle),
                "beside": middle + 0.4 * (points - middle) + (25, 0),
                "closed": np.concatenate([points, points[:1]]),
            }
            path = root / f"contours/SC-N-01/IM-0001-{number:04d}-icontour-manual.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            shown = ["".join(f"{x + 1:.2f} {y + 1:.2f}\n" for x, y in texts[line]) for line in lines]
            path.write_text("\n".join(shown) if "closed" not in lines else "".join(shown))
    (patient,), _ = find_patients([root])
    return read_study(patient, first_pixel=1, all_pixels=True)


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        (("the line",), 1),
        (("the line", "the line"), 1),
        (("closed",), 1),
        (("the line", "smaller"), 2),
        (("smaller", "the line"), 2),
        (("beside", "the line"), 2),
        (("closed", "smaller"), 2),
        (("smaller", "the line", "beside"), 3),
    ],
)
def test_lines_of_one_file_are_never_joined_into_one(
    lines: tuple[str, ...], count: int, tmp_path: Path
) -> None:
    study = drawn_twice(tmp_path, *lines)
    assert len(study.endo) == 6
    for frame in study.joined:
        truth = CINE.contour(frame.slice - 1, frame.phase)
        assert np.allclose(study.endo[frame.number], truth, atol=0.01), "the largest"
    told = study.flags.get("several-lines", {})
    assert len(told) == (6 if count > 1 else 0)
    assert all(f"{count} closed lines" in evidence for evidence in told.values())
