"""The table at the end of `make repro`."""

import json
from pathlib import Path

from tasks.repro import summary


def test_summary(tmp_path: Path) -> None:
    scores = {"loss": 0.6931, "accuracy": 0.98604, "dice_slice_mean": 0.0371, "dice_patient_mean": None}
    (tmp_path / "dense").mkdir()
    (tmp_path / "dense/timing.json").write_text('{"seconds": 71.6, "device": "CPU"}')
    metrics = {
        "models": {
            "dense": {**scores, "parameters": 12714048},
            "cnn": {**scores, "dice_slice_mean": float("nan"), "parameters": 1857848},
        },
        "test": {"patients": 5, "slices": 70, "left_out": {"off-anatomy": 3, "outside-image": 0}},
    }
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    lines = summary(tmp_path, tmp_path).splitlines()
    cells = [line.split("  ") for line in lines[1:5]]
    assert [[cell.strip() for cell in row if cell.strip()] for row in cells] == [
        ["model", "loss", "accuracy", "Dice, contours", "Dice, patients", "parameters", "training"],
        ["-----", "------", "--------", "--------------", "--------------", "----------", "----------"],
        ["dense", "0.6931", "0.9860", "0.037", "-", "12,714,048", "1 min 11 s"],
        ["cnn", "0.6931", "0.9860", "-", "-", "1,857,848", "-"],
    ]
    assert "Tested on 70 contoured slices of 5 patients; left out: 3 off-anatomy." in lines
    assert len({len(line) for line in lines[1:5]}) == 1
