"""The report as a whole: what it says, that it says it twice alike, and that it needs nothing else."""

import json
import math
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lvseg import params
from lvseg.core.errors import UserError
from lvseg.core.hashes import tree_hash
from lvseg.data import drawn_frames, examples, shards
from lvseg.evaluation import tables
from lvseg.evaluation.evaluate import evaluate
from lvseg.evaluation.kept import PackedMask, read_masks, read_slices, write_masks, write_slices
from lvseg.evaluation.plain_json import plain
from lvseg.evaluation.sources import Sources
from lvseg.inference.segmenter import Segmenter
from lvseg.pages.numbers import number
from lvseg.report.build import build
from tests.conftest import REPOSITORY, tiny_shard
from tests.lvseg.models.tiny_models import blank_model, save_trained, threshold_model

pytestmark = pytest.mark.slow  # pictures of whole reports


@pytest.fixture(scope="module")
def settings() -> params.Params:
    loaded = params.load(REPOSITORY / "params.yaml")
    return loaded.model_copy(update={"report": loaded.report.model_copy(update={"overlays": 1})})


@pytest.fixture(scope="module")
def sources(tiny_shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Sources:
    """Return two trained models, and test patients of whom one slice has a misplaced contour, and a flag."""
    folder = tmp_path_factory.mktemp("sources")
    save_trained(folder / "models", "blank", blank_model())
    save_trained(folder / "models", "good", threshold_model())
    shutil.copytree(tiny_shards / "shards", folder / "shards")
    shutil.copy(tiny_shards / "split.csv", folder)
    shard, aside = tiny_shard(6), 12
    flagged = {
        "labels": np.stack([np.roll(shard.labels[0], aside, axis=1), *shard.labels[1:]]),
        "contour_points": shard.contour_points + np.where(np.arange(240) < 40, aside, 0)[:, None] * [1, 0],
        "contour_flags": np.array(["off-anatomy", *shard.contour_flags[1:]]),
        "group": np.array("<HYP>"),
    }
    shards.write(folder / "shards/P-06.npz", shards.Shard(**{**vars(shard), **flagged}))
    return Sources(folder / "models", folder / "shards", folder / "split.csv")


@pytest.fixture(scope="module")
def report(sources: Sources, settings: params.Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("first") / "reports"
    pictures = evaluated(folder, sources, settings)
    assert set(pictures) == {"blank", "good"}
    assert all((folder / path).is_file() for own in pictures.values() for path in own)
    assert {path.name for path in pictures["good"]} == {
        "samples.png",
        "curves.png",
        "network.png",
        "overlays.png",
        "agreement.png",
    }
    return folder


def evaluated(folder: Path, sources: Sources, settings: params.Params) -> dict[str, list[Path]]:
    """Run both stages; return the pictures of each model."""
    scores = folder.parent / "scores"
    evaluate(folder, scores, sources, settings)
    return build(folder, folder / "metrics.json", scores, sources, settings)


def metrics(report: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((report / "metrics.json").read_text(encoding="utf-8"))
    return content


def test_metrics_name_models_and_test_and_count_what_is_left_out(report: Path) -> None:
    found = metrics(report)
    assert 0.5 < found["test"].pop("rendering_dice") < 1
    assert found["test"] | {"hash": ""} == {
        "patients": 2,
        "slices": 11,
        "empty_slices": 0,
        "hash": "",
        "left_out": {"off-anatomy": 1},
        "synthetic": 0,
    }
    assert re.fullmatch("[0-9a-f]{64}", found["test"]["hash"])
    good, blank = found["models"]["good"], found["models"]["blank"]
    assert set(good) == set(blank) == {
        "loss", "accuracy", "dice_smoothed", "dice_slice_mean", "dice_slice_q1", "dice_slice_median",
        "dice_slice_q3", "dice_patient_mean", "dice_patient_median", "missed", "undefined", "parameters",
        "by_group", "by_phase", "by_level", "dm", "apd_mm", "apd_px", "good_percent", "unjudged", "hd_mm",
        "hd95_mm", "surface_mm", "ef_mae_pp", "incomplete_slices", "volumes", "drawn_on_empty",
        "with_flagged", "uncounted_slices", "patients_with", "cine", "structures",
    }  # fmt: skip
    assert good["patients_with"]["dm"] == 2 and blank["patients_with"]["dm"] == 0
    assert good["dice_slice_mean"] > 0.98 and good["missed"] == 0 and good["parameters"] == 4
    assert blank["dice_slice_mean"] == blank["dice_patient_mean"] == 0 and blank["missed"] == 11
    assert {value: own["slices"] for value, own in good["by_group"].items()} == {"N": 6, "<HYP>": 5}
    assert {value: own["slices"] for value, own in good["by_phase"].items()} == {"ED": 5, "ES": 6}


def test_scores_with_the_slices_that_are_left_out_stand_beside_those_without(report: Path) -> None:
    models = metrics(report)["models"]
    assert {(own["with_flagged"]["patients"], own["with_flagged"]["slices"]) for own in models.values()} == {
        (2, 12)
    }
    good = models["good"]
    assert good["with_flagged"]["dice_slice_mean"] < good["dice_slice_mean"]
    assert good["with_flagged"]["good_percent"] < good["good_percent"] == 100
    text = (report / "index.html").read_text(encoding="utf-8")
    assert "With the 1 slice that the quality check leaves out" in text


def test_tables_hold_every_slice_of_every_model(report: Path) -> None:
    slices = pd.read_csv(report / "per_slice.csv", keep_default_na=False)
    assert len(slices) == 2 * 11 and list(slices["model"].unique()) == ["blank", "good"]
    own = slices[slices["model"] == "good"]
    assert own["dice"].mean() == pytest.approx(metrics(report)["models"]["good"]["dice_slice_mean"], abs=1e-6)
    patients = pd.read_csv(report / "per_patient.csv")
    assert patients.groupby("model")["slices"].sum().to_dict() == {"blank": 11, "good": 11}
    by_rank = pd.read_csv(report / "plots/dice_by_rank.csv")
    assert by_rank["good"].is_monotonic_decreasing and by_rank["share"].iloc[-1] == 100


def test_page_needs_nothing_but_itself(report: Path) -> None:
    text = (report / "index.html").read_text(encoding="utf-8")
    addresses = re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?([^\"')>\s]+)", text)
    assert len([a for a in addresses if a.startswith("data:image/png;base64,")]) == 2 + 2 * 4
    assert all(a.startswith(("data:", "#")) for a in addresses)
    assert "http" not in text and "<script" not in text and "@import" not in text
    targets = {a[1:] for a in addresses if a.startswith("#")}
    assert targets <= set(re.findall(r'id="([^"]+)"', text))


def test_page_says_what_counts(report: Path, sources: Sources) -> None:
    text = " ".join((report / "index.html").read_text(encoding="utf-8").split())
    headline = re.sub("<.*?>", "", re.search("<h1>(.*?)</h1>", text)[1])  # type: ignore[index]
    assert " ".join(headline.split()) == (
        "Of 2 models, good finds the left ventricle best: Dice 1.00 over all 11 contours of 2 held-out patients."
    )
    assert (
        "Left out of the test: 1 slice whose" in text
        and "1 drawn off the anatomy" in text
        and "synthetic" not in text
    )
    assert metrics(report)["test"]["hash"] in text and "f" * 64 in text
    assert "&lt;HYP&gt;" in text and "<HYP>" not in text
    kept = examples.select_examples(sources.shards, sources.split, "test", ("off-anatomy",)).examples
    nothing = 1 - np.mean([drawn_frames.load(example).endo.mean() for example in kept])
    assert f"already has an accuracy of {nothing:.3f}" in text


def test_a_phantom_is_named_below_the_headline_and_a_mean_says_of_how_many_patients(
    sources: Sources, settings: params.Params, tmp_path: Path
) -> None:
    """The second test patient of two lost his end-systolic contours; the first is a phantom."""
    shutil.copytree(sources.shards, tmp_path / "shards")
    shutil.copytree(sources.models / "good", tmp_path / "models/good")  # one model: half as many pictures
    lost = tmp_path / "shards/P-06.npz"
    shards.write(lost, replace(shards.read(lost), cycle=np.array(["ED"] * 6)))
    for patient in (5, 6):
        path = tmp_path / f"shards/P-{patient:02d}.npz"
        shards.write(path, replace(shards.read(path), source=np.array(shards.SYNTHETIC)))
        where = Sources(tmp_path / "models", tmp_path / "shards", sources.split)
        evaluated(tmp_path / "reports", where, settings)
        text = " ".join((tmp_path / "reports/index.html").read_text(encoding="utf-8").split())
        head = text[text.index("</h1>") : text.index("</header>")]
        which = "1 of 2 test patients are synthetic" if patient == 5 else "All test patients are synthetic"
        assert which in head and "nothing about patients." in head
    assert re.search(r"<td>\d+\.\d \(1 of 2\)</td>", text), "EF error of one patient of two"
    assert "[" not in text[text.index("EF, percentage points") :][:120], "limits of one patient"


def test_second_build_gives_the_same_bytes_and_no_path_of_this_machine(
    report: Path, sources: Sources, settings: params.Params, tmp_path: Path
) -> None:
    evaluated(tmp_path / "elsewhere", sources, settings)
    assert tree_hash(tmp_path / "elsewhere") == tree_hash(report)
    for path in report.rglob("*.*"):
        if path.suffix in (".json", ".csv", ".html"):
            text = path.read_text(encoding="utf-8")
            assert not any(str(place) in text for place in (report, sources.models.parent, REPOSITORY))


def test_undefined_is_null_in_json_empty_in_csv_and_a_dash_on_the_page(tmp_path: Path) -> None:
    facts = {"a": math.nan, "b": np.float64(1 / 3), "c": {"d": math.inf, "e": np.int64(2), "f": ("x", 0.25)}}
    found = plain(facts, decimals=6)
    assert found == {"a": None, "b": 0.333333, "c": {"d": None, "e": 2, "f": ["x", 0.25]}}
    assert plain(facts)["b"] == 1 / 3
    tables.write_json(tmp_path / "a.json", found)
    with pytest.raises(ValueError, match="not JSON compliant"):
        tables.write_json(tmp_path / "b.json", {"a": math.nan})
    tables.write_csv(tmp_path / "a.csv", pd.DataFrame({"a": ["x", "y"], "b": [math.nan, 0.5]}))
    assert (tmp_path / "a.csv").read_text() == "a,b\nx,\ny,0.500000\n"
    assert number(math.nan) == number(None) == "–"


def test_a_number_that_rounds_to_nothing_has_no_minus() -> None:
    assert (number(-0.04, 1), number(-0.04, 1, signed=True), number(-0.06, 1)) == ("0.0", "+0.0", "-0.1")


def test_nothing_to_evaluate_is_an_error_with_a_remedy(
    sources: Sources, settings: params.Params, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="holds no trained model: run `dvc repro`"):
        evaluated(tmp_path / "reports", Sources(tmp_path / "models", sources.shards, sources.split), settings)
    split = tmp_path / "split.csv"
    split.write_text("patient,group,part\nP-01,N,train\n")
    with pytest.raises(UserError, match=r"leaves no test slice .*split\.test_fraction"):
        evaluated(tmp_path / "reports", Sources(sources.models, sources.shards, split), settings)
    assert not list(tmp_path.glob("*/*"))  # nothing half-written


def test_a_report_predicts_nothing_and_refuses_the_scores_of_another_evaluation(
    sources: Sources, settings: params.Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports, scores = tmp_path / "reports", tmp_path / "scores"
    evaluate(reports, scores, sources, settings)
    slices = read_slices(scores)
    assert slices["dice"].notna().all() and len(slices) == 2 * len(read_masks(scores, "good"))
    with monkeypatch.context() as patch:
        patch.setattr(Segmenter, "margins", None)
        build(reports, reports / "metrics.json", scores, sources, settings)
    write_slices(scores, slices[slices["patient"] != "P-05"])
    with pytest.raises(UserError, match="of other slices or models than there are: run `dvc repro evaluate`"):
        build(reports, reports / "metrics.json", scores, sources, settings)


def test_what_an_evaluation_keeps_comes_back_bit_by_bit(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    masks = [rng.integers(0, 2, shape).astype(np.uint8) for shape in [(5, 7), (8, 8), (3, 1)]]
    write_masks(tmp_path, "m", [PackedMask.of(mask) for mask in masks])
    for mask, back in zip(masks, read_masks(tmp_path, "m"), strict=True):
        np.testing.assert_array_equal(back.unpacked(), mask)
    write_masks(tmp_path, "none", [])
    assert read_masks(tmp_path, "none") == []
    words = {name: ["a", "", "NA"] for name in ("model", "patient", "group", "cycle", "level", "flags")}
    table = pd.DataFrame({**words, "dice": [1 / 3, math.nan, 0.1 + 0.2], "good": [True, False, True]})
    write_slices(tmp_path, table)
    pd.testing.assert_frame_equal(read_slices(tmp_path), table, check_exact=True, check_dtype=False)
