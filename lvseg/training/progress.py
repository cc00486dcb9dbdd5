"""How far a training is: for a person, for a supervisor, and for TensorBoard."""

import json
import shutil
import sys
from pathlib import Path

from tensorboard.summary import Writer
from tqdm import tqdm

from lvseg.core.own_lines import say
from lvseg.core.paths.files import write_text
from lvseg.core.paths.places import ROOT


class Progress:
    """A bar on a terminal, a plain line per epoch elsewhere, and `.lvseg/progress/<stage>.json` in any case.

    The file belongs to a worktree: two of them may train the same stage at the same time.
    """

    def __init__(self, stage: str, total: int, done: int) -> None:
        self._stage = stage
        self._total = total
        self._first = done
        self._seconds = 0.0
        self._bar = tqdm(total=total, initial=done, desc=stage, unit="epoch", disable=not sys.stderr.isatty())
        self._tell(done, None, {})  # else a supervisor would read the end of the training before

    def epoch(self, number: int, metrics: dict[str, float], seconds: float) -> None:
        """Show that epoch `number` (from 1) took `seconds` and ended with `metrics`."""
        self._seconds += seconds
        left = self._seconds / (number - self._first) * (self._total - number)
        shown: dict[str, object] = {
            name: f"{metrics[name]:.4f}" for name in ("loss", "val_loss", "val_dice") if name in metrics
        }
        self._bar.set_postfix(shown, refresh=False)
        self._bar.update()
        if self._bar.disable:
            words = " ".join(f"{name} {value}" for name, value in shown.items())
            say(f"epoch {number}/{self._total}: {words}, {seconds:.1f} s, {left:.0f} s left")
        self._tell(number, round(left, 1), metrics)

    def _tell(self, epoch: int, left: float | None, metrics: dict[str, float]) -> None:
        """Rewrite the progress file."""
        status = {
            "stage": self._stage,
            "epoch": epoch,
            "epochs": self._total,
            "eta_seconds": left,
            "metrics": metrics,
        }
        write_text(ROOT / ".lvseg" / "progress" / f"{self._stage}.json", json.dumps(status))

    def close(self) -> None:
        """Leave the terminal in order."""
        self._bar.close()


class Scalars:
    """TensorBoard curves, in `train` and `validation` as the Keras callback has them.

    A process that resumes a training writes all past epochs again, so that each is there once.
    """

    def __init__(self, folder: Path, history: list[dict[str, float]]) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self._writers = {part: Writer(str(folder / part)) for part in ("train", "validation")}
        for number, metrics in enumerate(history, start=1):
            self.epoch(number, metrics)

    def epoch(self, number: int, metrics: dict[str, float]) -> None:
        """Add the metrics of one epoch (from 1)."""
        for name, value in metrics.items():
            part = "validation" if name.startswith("val_") else "train"
            self._writers[part].add_scalar(f"epoch_{name.removeprefix('val_')}", value, step=number)
        for writer in self._writers.values():
            writer.flush()

    def close(self) -> None:
        """Write out what is still held back, and close the files."""
        for writer in self._writers.values():
            writer.close()
