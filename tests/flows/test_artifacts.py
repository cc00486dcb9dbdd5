"""The comparison that a flow run leaves: ranked and rounded as in the terminal, and the right run behind the report."""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows.pipeline import artifacts, promotion
from tracking.server import addresses
from tracking.server.addresses import RunAddress

SCORES = {
    "dice_slice_mean": 0.63046, "dice_patient_mean": 0.629, "dm": 0.861, "apd_mm": 3.82, "good_percent": 28.7,
    "ef_mae_pp": 13.42, "accuracy": 0.986, "parameters": 12714048, "patients_with": {"ef_mae_pp": 1},
}  # fmt: skip


def test_the_best_model_stands_first_and_its_report_is_linked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    better = SCORES | {"dice_slice_mean": 0.91749, "ef_mae_pp": 1.3, "patients_with": {}}
    test = {"patients": 4, "slices": 50, "left_out": {}, "hash": "t" * 64, "synthetic": 4}
    (tmp_path / "reports").mkdir()
    metrics: dict[str, Any] = {"models": {"dense": SCORES, "unet": better}, "test": test}
    (tmp_path / "reports/metrics.json").write_text(json.dumps(metrics))
    for name in metrics["models"]:
        (tmp_path / "models" / name).mkdir(parents=True)
        (tmp_path / "models" / name / "run.json").write_text("{}")
    made: dict[str, str] = {}
    monkeypatch.setattr(
        artifacts, "create_markdown_artifact", lambda text, key, **_: made.update({key: text})
    )
    monkeypatch.setattr(artifacts, "create_link_artifact", lambda page, key, **_: made.update({key: page}))
    monkeypatch.setattr(
        addresses, "run_of",
        lambda _, folder: RunAddress(
            "id", folder.name, f"s/{folder.name}", f"s/{folder.name}/report", "s/#/ranked"
        ),
    )  # fmt: skip
    place: Any = SimpleNamespace(path=tmp_path)
    record: Any = SimpleNamespace(commit="c", ref="r", branch=None)
    artifacts.write(place, {}, {}, record)
    rows = [line for line in made["comparison"].splitlines() if line.startswith(("| unet", "| dense"))]
    assert rows == [
        "| unet | 0.917 | 0.629 | 0.861 | 3.82 | 28.7 | 1.3 | 0.9860 | 12,714,048 | [unet](s/unet) |",
        "| dense | 0.630 | 0.629 | 0.861 | 3.82 | 28.7 | 13.4 (1 of 4) | 0.9860 | 12,714,048 | [dense](s/dense) |",
    ]
    assert made["report"] == "s/unet/report" and "(s/unet/report)" in made["comparison"]
    assert (
        made["comparison"].startswith("**All test patients are synthetic")
        and "(s/#/ranked)" in made["comparison"]
    )


def test_a_name_out_of_the_store_links_nowhere_else() -> None:
    """Anybody who may write to MLflow names a run; the page has the password of Prefect in its browser."""
    hostile = "x](javascript:alert(1)) <javascript:alert(2)>\n![y](z) | \\[w](javascript:alert(3))"
    active = re.compile(r"(?<!\\)(?:\\\\)*[\[\]<|\n]")  # not behind a backslash that makes it a letter
    assert active.findall(artifacts._link(RunAddress("id", hostile, "s/run", None, None))) == ["[", "]"], (
        "what is ours"
    )
    message: Any = SimpleNamespace(message=hostile, name="Completed")
    *_, row = artifacts._stages({"x": message}).splitlines()
    assert active.findall(row) == ["|"] * 4
    assert active.findall(artifacts._champion({promotion.STEP: message})) == ["\n", "\n"]
