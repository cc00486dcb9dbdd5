"""Damaged label files crash nothing, cost no other patient anything, and move no label without a word.

Each run draws a few dozen. `LVSEG_MUTATIONS=600 pytest tests/lvseg/labels/sources/test_mutated_labels.py` draws as many
for all forms together, which takes minutes.
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lvseg.imaging.structures import Structure
from lvseg.labels.find import find_all
from lvseg.labels.study import Study
from tests.lvseg.labels.sources import forms, mutated
from tests.lvseg.labels.sources.forms import Form, Frame
from tests.lvseg.labels.sources.mutated import Mutation

# Of each form: what is drawn, and which of its files are changed.
CASES: Mapping[str, tuple[st.SearchStrategy[Mutation], tuple[str, ...]]] = {
    "ACDC": (mutated.of_nifti(), ("victim/patient101/patient101_frame01_gt.nii.gz",)),
    "ACDC images": (mutated.of_nifti(), ("victim/patient101/patient101_frame07.nii.gz",)),
    "M&Ms": (mutated.of_nifti(), ("victim/Training/A0S9V9/A0S9V9_sa_gt.nii.gz",)),
    "SEG BINARY": (mutated.of_object(mutated.SEG), ("victim/drawn/0.dcm",)),
    "SEG FRACTIONAL": (mutated.of_object(mutated.SEG), ("victim/drawn/1.dcm",)),
    "SEG LABELMAP": (mutated.of_object(mutated.SEG), ("victim/drawn/0.dcm",)),
    "RTSTRUCT": (mutated.of_object(mutated.RTSTRUCT), ("victim/drawn/structures",)),
    "cvi42": (mutated.of_workspace(), ("victim/drawn.xml",)),
}
OF_EACH = settings(
    max_examples=max(int(os.environ.get("LVSEG_MUTATIONS", "80")) // len(CASES), 1),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize="LVSEG_MUTATIONS" not in os.environ,
    database=None,
    deadline=None,
    phases=[Phase.generate],
)
HALF_PIXEL = 0.5
pytestmark = pytest.mark.slow  # some 80 patients are read


@pytest.fixture(scope="module")
def heart() -> Form:
    return forms.heart()


@pytest.fixture(scope="module")
def files(heart: Form, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """Return the files of each form below `victim`, and of a patient beside him."""
    made = {}
    for case in CASES:
        root = tmp_path_factory.mktemp("form")
        forms.write(case.removesuffix(" images"), root / "victim", heart)
        forms.write_nnunet(root / "other", forms.heart(seed=6))
        made[case] = {
            str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
        }
    return made


def read(files: Mapping[str, bytes]) -> tuple[list[Study], list[str]]:
    """Return all patients, and what is said of files that belong to none."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        found, aside = find_all([Path(folder)])
        return [one.read(1, {}, all_pixels=False) for one in found], [entry.reason for entry in aside]


def told(pixels: NDArray[np.generic]) -> bytes:
    """Return what an image shows, whatever its brightness and contrast: a slope or an intercept moves nothing."""
    values = pixels.astype(np.float64)
    values -= values.min()
    return np.round(values / max(float(values.max()), 1e-9) * 10_000).astype(np.int16).tobytes()


def drawn(study: Study, heart: Form) -> dict[tuple[Frame, Structure], int]:
    """Return how many pixels of each known structure lie further off the drawn border than half a pixel, by frame.

    Frames are told by what they show, for a fault may give them other numbers.
    """
    shown = {told(forms.grey(heart, *frame)): frame for frame in heart.truth}
    wrong = {}
    for frame in study.labelled:
        pixels = study.pixels[frame.number]
        at = shown.get(told(pixels))
        found = study.maps[frame.number]
        for structure in found.known:
            if at is None:
                wrong[(-1, frame.number), structure] = int(pixels.size)
                continue
            apart = (found.labels == structure) != (heart.truth[at] == structure)
            lines = heart.lines.get(at, {}).values()
            border = shapely.MultiLineString([np.vstack([line, line[:1]]) for line in lines])
            places = np.asarray(shapely.points(np.argwhere(apart)[:, ::-1].astype(float)))
            far = shapely.distance(border, places) > HALF_PIXEL if lines else np.ones(places.shape, np.bool_)
            wrong[at, structure] = int(far.sum())
    return wrong


@pytest.mark.parametrize("case", CASES)
def test_damaged_labels(case: str, heart: Form, files: dict[str, dict[str, bytes]]) -> None:
    mutations, changed = CASES[case]
    sound, silence = read(files[case])
    other, victim = (
        next(own for own in sound if (own.source or "").find(name) >= 0) for name in ("/other", "/victim")
    )
    before = drawn(victim, heart) if case != "M&Ms" else {}
    assert not silence and not victim.aside and not any(before.values())

    @OF_EACH
    @given(mutations)
    def each(mutation: Mutation) -> None:
        studies, said = read({**files[case], **{name: mutation.apply(files[case][name]) for name in changed}})
        beside = next(own for own in studies if "/other" in own.source)
        assert beside.maps.keys() == other.maps.keys()
        assert all((beside.maps[n].labels == other.maps[n].labels).all() for n in other.maps)
        own = [study for study in studies if study is not beside]
        words = [*said, *(word for study in own for word in (*study.notes, *study.unmapped, *study.flags))]
        words += [entry.reason for study in own for entry in study.aside]
        new = set(words) - {*victim.notes}
        note(f"{mutation.words}: {sorted(new)}")
        if case == "M&Ms":  # each phase shows other greys: frames are told by their numbers
            same = [study.maps.keys() == victim.maps.keys() for study in own]
            moved = not all(same) or any(
                (study.maps[n].labels != victim.maps[n].labels).any() for study in own for n in study.maps
            )
        else:
            after = {key: far for study in own for key, far in drawn(study, heart).items()}
            moved = after.keys() != before.keys() or any(after.values())
        assert new or not moved

    each()
