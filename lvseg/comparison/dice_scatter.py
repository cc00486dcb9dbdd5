"""Models against each other, patient by patient, in a picture."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from lvseg.comparison.compare import Comparison, PatientDice
from lvseg.pictures import style

_PANEL_INCHES = 3.6, 4.0  # width and height of a panel with its labels
_SIDE_INCHES = 0.4  # beside the panels
_NAMED_PATIENTS = 3  # in a panel: those farthest from equal
_LEAST_SHOWN = 0.9  # Dice at the lower end of the axes, unless a patient has less: good models fill no panel
_MARGIN, _ABOVE_ONE = 0.03, 0.01  # of Dice, so that no point is cut


def draw_dice_scatter(path: Path, comparison: Comparison) -> None:
    """Draw the Dice of every patient by the first model against that by each other one.

    Args:
        path: PNG to write.
        comparison: of two models or more.
    """
    titles, patients = comparison.titles, comparison.patients
    others = range(1, len(titles))
    groups = sorted({patient.group for patient in patients})
    width, height = _PANEL_INCHES
    with style.drawing(path, width * len(others) + _SIDE_INCHES, height) as figure:
        for axes, other in zip(figure.subplots(1, len(others), squeeze=False)[0], others, strict=True):
            for group, colour in zip(groups, style.SERIES * len(groups), strict=False):
                members = [patient.dice for patient in patients if patient.group == group]
                axes.scatter(
                    [dice[0] for dice in members], [dice[other] for dice in members], s=20, color=colour,
                    alpha=0.8, label=group or "no group",
                )  # fmt: skip
            _finish(axes, patients, other)
            axes.set(xlabel=titles[0], ylabel=titles[other])
        figure.suptitle("Dice, patient by patient", fontweight="bold")
        figure.legend(
            *axes.get_legend_handles_labels(), loc="outside lower center", ncols=len(groups), fontsize=8
        )


def _finish(axes: Axes, patients: Sequence[PatientDice], other: int) -> None:
    """Add the line of equal Dice, the same limits to both axes, and the names of the patients farthest off."""
    pairs = np.array([[patient.dice[0], patient.dice[other]] for patient in patients], float)
    low = min(float(np.nanmin(pairs)), _LEAST_SHOWN) - _MARGIN
    axes.plot([low, 1], [low, 1], color=style.FAINT, linewidth=1, linestyle="--")
    axes.set(xlim=(low, 1 + _ABOVE_ONE), ylim=(low, 1 + _ABOVE_ONE), aspect="equal")
    apart = np.nan_to_num(np.abs(pairs[:, 0] - pairs[:, 1]))
    for place in np.argsort(-apart, kind="stable")[:_NAMED_PATIENTS]:
        axes.annotate(
            patients[place].patient, tuple(pairs[place]), xytext=(4, 4), textcoords="offset points", fontsize=6.5
        )  # fmt: skip
