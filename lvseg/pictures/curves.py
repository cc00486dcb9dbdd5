"""Loss and Dice of a training, by epoch, on its training and its validation patients."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.ticker import MaxNLocator

from lvseg.pictures import style

_INCHES = 8, 3.2  # width and height of two panels in a row
_PANELS = {"loss": "loss", "dice": "Dice"}
_LARGE_RANGE = 30  # a first epoch this many times the best one flattens all others on a linear axis


def draw_curves(path: Path, name: str, history: Mapping[str, Sequence[float]]) -> None:
    """Draw the history of one training.

    Args:
        path: PNG to write.
        name: the model's name.
        history: columns epoch, loss, val_loss, dice, val_dice; one entry per epoch, NaN where nothing was validated.
    """
    with style.drawing(path, *_INCHES) as figure:
        panels = figure.subplots(1, len(_PANELS))
        marker = "o" if len(history["epoch"]) == 1 else None  # one point makes no line
        for axes, (metric, label) in zip(panels, _PANELS.items(), strict=True):
            lines = {"training": history[metric], "validation": history[f"val_{metric}"]}
            for colour, (part, values) in zip(style.SERIES, lines.items(), strict=False):
                if not np.isnan(values).all():
                    axes.plot(history["epoch"], values, color=colour, marker=marker, label=part)
            axes.set(xlabel="epoch", ylabel=label)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            every = list(lines.values())
            if metric == "dice":
                axes.set_ylim(0, 1)
            elif np.nanmax(every) > _LARGE_RANGE * np.nanmin(every) > 0:
                axes.set_yscale("log")
                axes.yaxis.set_major_formatter("{x:g}")
            axes.legend()
        figure.suptitle(f"{name}: training and validation by epoch", fontweight="bold")
