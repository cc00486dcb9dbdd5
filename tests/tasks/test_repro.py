"""The table at the end of `make repro`."""

import json
from pathlib import Path
from typing import Any

from tasks.repro import summary


def test_summary(tmp_path: Path) -> None:
    scores = {
        "accuracy": 0.98604, "dice_slice_mean": 0.0371, "dice_patient_mean": None, "dm": 0.9, "apd_mm": 1.614,
        "good_percent": 12.34, "ef_mae_pp": None, "patients_with": {"dm": 5, "ef_mae_pp": 0},
    }  # fmt: skip
    (tmp_path / "dense").mkdir()
    (tmp_path / "dense/timing.json").write_text('{"seconds": 71.6, "device": "CPU"}')
    metrics: dict[str, Any] = {
        "models": {
            "dense": {
                **scores,
                "ef_mae_pp": 13.42,
                "patients_with": {"ef_mae_pp": 1},
                "parameters": 12714048,
            },
            "cnn": {**scores, "dice_slice_mean": 0.5, "parameters": 1857848},
        },
        "test": {
            "patients": 5,
            "slices": 70,
            "left_out": {"off-anatomy": 3, "outside-image": 0},
            "synthetic": 5,
        },
    }
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    lines = summary(tmp_path, tmp_path).splitlines()
    cells = [line.split("  ") for line in lines[1:5]]
    heads = [
        "model",
        "Dice, contours",
        "Dice, patients",
        "DM",
        "APD, mm",
        "good contours, %",
        "EF error",
        "accuracy",
    ]
    heads += ["parameters", "training"]
    assert [[cell.strip() for cell in row if cell.strip()] for row in cells] == [
        heads,
        [
            "-" * max(len(head), width)
            for head, width in zip(heads, (5, 0, 0, 5, 0, 0, 13, 0, 10, 10), strict=True)
        ],
        ["cnn", "0.500", "–", "0.900", "1.61", "12.3", "–", "0.9860", "1,857,848", "–"],
        [
            "dense",
            "0.037",
            "–",
            "0.900",
            "1.61",
            "12.3",
            "13.4 (1 of 5)",
            "0.9860",
            "12,714,048",
            "1 min 11 s",
        ],
    ]
    assert "Tested on 70 contoured slices of 5 patients; left out: 3 drawn off the anatomy." in lines
    synthetic = (
        "All test patients are synthetic (a phantom): these figures say that the pipeline works, and nothing "
    )
    assert f"{synthetic}about patients." in lines
    del metrics["test"]["synthetic"]
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    assert "synthetic" not in summary(tmp_path, tmp_path)
    assert len({len(line) for line in lines[1:5]}) == 1
