"""Models against each other, patient by patient, in a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from lvseg.pictures import style

_MOST_NAMES = 3  # patients named in a panel: those farthest from equal


def draw_scatter(path: Path, titles: Sequence[str], patients: Sequence[Mapping[str, Any]]) -> None:
    """Draw the Dice of every patient by the first model against that by each other one.

    Args:
        path: PNG to write.
        titles: of the models.
        patients: with `patient`, `group` and `dice`, a value per model.
    """
    others = range(1, len(titles))
    groups = sorted({patient["group"] for patient in patients})
    with style.drawing(path, 3.6 * len(others) + 0.4, 4.0) as figure:
        for axes, other in zip(figure.subplots(1, len(others), squeeze=False)[0], others, strict=True):
            for group, colour in zip(groups, style.SERIES * len(groups), strict=False):
                own = [patient["dice"] for patient in patients if patient["group"] == group]
                axes.scatter(
                    [dice[0] for dice in own], [dice[other] for dice in own], s=20, color=colour, alpha=0.8,
                    label=group or "no group",
                )  # fmt: skip
            _finish(axes, patients, other)
            axes.set(xlabel=titles[0], ylabel=titles[other])
        figure.suptitle("Dice, patient by patient", fontweight="bold")
        figure.legend(
            *axes.get_legend_handles_labels(), loc="outside lower center", ncols=len(groups), fontsize=8
        )


def _finish(axes: Axes, patients: Sequence[Mapping[str, Any]], other: int) -> None:
    """Add the line of equal Dice, the same limits to both axes, and the names of the patients farthest off."""
    pairs = np.array([[patient["dice"][0], patient["dice"][other]] for patient in patients], float)
    low = min(float(np.nanmin(pairs)), 0.9) - 0.03
    axes.plot([low, 1], [low, 1], color=style.FAINT, linewidth=1, linestyle="--")
    axes.set(xlim=(low, 1.01), ylim=(low, 1.01), aspect="equal")
    apart = np.nan_to_num(np.abs(pairs[:, 0] - pairs[:, 1]))
    for place in np.argsort(-apart, kind="stable")[:_MOST_NAMES]:
        axes.annotate(
            patients[place]["patient"], tuple(pairs[place]), xytext=(4, 4), textcoords="offset points", fontsize=6.5
        )  # fmt: skip
