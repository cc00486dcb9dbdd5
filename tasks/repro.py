"""Run the pipeline up to the comparison of the models."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from lvseg.core.command import run
from lvseg.core.environment import command_environment
from lvseg.core.errors import UserError
from lvseg.data.raw_data import check_tracked
from lvseg.pages.headlines import HEADLINES, cells, ranked, synthetic, tested
from lvseg.pages.numbers import UNDEFINED
from lvseg.params import load
from tracking.provenance.dvc_command import private_site_cache


def main() -> None:
    """Run what changed, from raw data to the comparison of the models, and print the table."""
    check_tracked(load().data.raw)
    if _repro() != 0:
        raise UserError("the pipeline stopped, see above; `make repro` goes on from there")
    print(summary(Path("reports"), Path("training")))


def _repro() -> int:
    """Run `dvc repro report` with this interpreter's environment; return its exit status."""
    environment = command_environment(DVC_SITE_CACHE_DIR=private_site_cache())
    dvc = subprocess.Popen([sys.executable, "-m", "dvc", "repro", "report"], env=environment)
    # Ctrl-C reaches every process of the terminal; DVC and the stage end in good order, so wait for them.
    # A plain kill reaches this process alone, and DVC would not pass it on to the stage.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: _end_children())
    return dvc.wait()


def _end_children() -> None:
    """Ask every process below this one to end."""
    import psutil

    for child in psutil.Process().children(recursive=True):
        child.terminate()


def summary(reports: Path, training: Path) -> str:
    """Return the table of models, what they were tested on, and what to open next."""
    metrics = json.loads((reports / "metrics.json").read_text(encoding="utf-8"))
    models, test = metrics["models"], metrics["test"]
    heads = ("model", *(headline.head for headline in HEADLINES), "parameters", "training")
    rows = [heads, *(_row(name, models[name], test["patients"], training / name) for name in ranked(models))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    lines += [tested(test), *([warning] if (warning := synthetic(test)) else [])]
    lines += [
        "",
        f"{reports}/index.html  the report: scores, curves, best and worst slices",
        "make mlflow         every training run, to compare in a browser",
        "docs/data.md        the same on your own data",
    ]
    return "\n" + "\n".join(lines)


def _row(name: str, scores: dict[str, Any], patients: int, training: Path) -> tuple[str, ...]:
    """Return the cells of one model; the time of its training is unknown where it was not pulled."""
    timing = training / "timing.json"
    seconds = json.loads(timing.read_text(encoding="utf-8"))["seconds"] if timing.is_file() else None
    return (
        name,
        *cells(scores, patients),
        f"{scores['parameters']:,}",
        UNDEFINED if seconds is None else f"{int(seconds // 60)} min {int(seconds % 60):02d} s",
    )


if __name__ == "__main__":
    run(main)
