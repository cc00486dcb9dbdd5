"""On the phantom, whose truth is known: volumes, and a U-Net that does not depend on luck of framing."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.models.robustness import FRAMINGS, Picture, losses, mean_dice
from lvseg.data import drawn_frames
from lvseg.data.examples import Example, select_examples
from lvseg.extraction.run import Outs, extract
from lvseg.imaging.grid import Grid
from lvseg.imaging.outline import area
from lvseg.imaging.spacing import Spacing
from lvseg.inference.segmenter import Segmenter
from lvseg.metrics.volumes import volumes
from lvseg.params import load
from lvseg.phantom.dataset import Size, generate
from tests.conftest import REPOSITORY
from tests.lvseg.training import unet_training

pytestmark = pytest.mark.slow

PATIENTS, TEST_PATIENTS = 10, 3


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with raw/ and shards/ of patients of all groups, and split.csv."""
    folder = tmp_path_factory.mktemp("phantom")
    shipped = load(REPOSITORY / "params.yaml")
    generate(folder / "raw", 11, Size(PATIENTS, slices=9, phases=8, matrix=128), workers=1)
    data = shipped.data.model_copy(update={"raw": str(folder / "raw")})
    outs = Outs(folder / "shards", folder / "index.csv", folder / "quality")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LVSEG_HOME", str(folder / "home"))
        extract(data, shipped.quality, workers=1, module="tasks.extract", outs=outs)
    names = sorted(path.stem for path in (folder / "shards").glob("*.npz"))
    with (folder / "split.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["patient", "group", "part"])
        # Every third, so that all groups are on both sides.
        table.writerows(
            [name, "", "test" if place % 3 == 1 and place < 3 * TEST_PATIENTS else "train"]
            for place, name in enumerate(names)
        )
    return folder


def part(folder: Path, name: str) -> list[Example]:
    return select_examples(
        folder / "shards", folder / "split.csv", name, (), everything=name == "train"
    ).examples


def test_contours_give_the_true_volumes_and_the_challenges_rule_what_it_leaves_of_them(phantom: Path) -> None:
    """Within 4 % and 4 points where slices that are empty at ES count as such: they hold no more phases than eight."""
    with (phantom / "raw/truth.csv").open() as file:
        truth = {row["patient"]: row for row in csv.DictReader(file)}
    areas: dict[str, dict[str, dict[int, float]]] = {}
    distance: dict[str, float] = {}
    for example in [*part(phantom, "train"), *part(phantom, "test")]:
        if example.mask is None:
            continue
        frame = drawn_frames.load(example)
        own = areas.setdefault(example.patient, {"ED": {}, "ES": {}})
        own[example.cycle][example.slice] = abs(area(frame.contour)) * float(np.prod(frame.spacing_mm))
        distance[example.patient] = frame.slice_distance_mm
    assert len(areas) == PATIENTS
    for patient, own in areas.items():
        true = {
            name: float(value) for name, value in truth[patient].items() if name not in ("patient", "group")
        }
        by_rule = volumes(own["ED"], own["ES"], distance[patient])
        all_slices = volumes(own["ED"], dict.fromkeys(own["ED"], 0.0) | own["ES"], distance[patient])
        assert all_slices.edv_ml == pytest.approx(true["edv_ml"], rel=0.04), patient
        assert all_slices.ef_percent == pytest.approx(true["ef_percent"], abs=4), patient
        assert by_rule.edv_ml <= all_slices.edv_ml and by_rule.esv_ml == pytest.approx(all_slices.esv_ml)


@pytest.fixture(scope="module")
def segmenter(phantom: Path) -> Segmenter:
    """Return a small U-Net after half a minute of training, asked as the shipped one is."""
    settings = unet_training.SHIPPED.model_copy(
        update={
            "epochs": 4, "images_per_epoch": 1000, "width": 8, "crop": 64, "image_size": 128, "spacing_mm": 2.4,
            "learning_rate": 0.002,
            "closer": unet_training.SHIPPED.closer.model_copy(update={"spacing_mm": 2.0, "size": 64}),
        }
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LVSEG_HOME", str(phantom / "home"))
        patch.setattr("lvseg.training.progress.ROOT", phantom)
        result = unet_training.train(part(phantom, "train"), settings)
    how = result.prediction
    once = Segmenter(result.model, Grid(how["size"], how["spacing_mm"]), how["views"], how["one_region"])
    return replace(once, closer=Grid(**how["closer"]))


@pytest.fixture(scope="module")
def pictures(phantom: Path) -> list[Picture]:
    """Return the larger half of the test contours: on those of a few pixels Dice is a lottery on any grid."""
    loaded = [drawn_frames.load(example) for example in part(phantom, "test")]
    loaded.sort(key=lambda frame: -abs(area(frame.contour)))
    return [
        Picture(frame.image, frame.contour, Spacing(*map(float, frame.spacing_mm)))
        for frame in loaded[: len(loaded) // 2]
    ]


def test_the_network_finds_the_ventricle(segmenter: Segmenter, pictures: list[Picture]) -> None:
    assert mean_dice(segmenter, pictures) > 0.85


def test_no_way_of_framing_costs_more_than_two_hundredths(
    segmenter: Segmenter, pictures: list[Picture]
) -> None:
    lost = dict(losses(segmenter, pictures, mean_dice(segmenter, pictures)))
    assert set(lost) == set(FRAMINGS)
    assert max(lost.values()) <= 0.02, lost
