"""How Dice is distributed over the slices, model by model and patient by patient."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from lvseg.pictures import style

_PATIENT_INCHES, _OVERALL_INCHES = 0.26, 3  # of the width: a patient, and the panel of all patients
_LEAST_WIDTH, _LARGEST_WIDTH = 8, 16  # inches
_MODEL_INCHES, _LEGEND_INCHES = 2.6, 0.9  # of the height
_OVERALL_SHARE = 1.6  # inches that make a unit of the widths of both panels
_LEAST_SHARE = 3  # of the panel by patient, in widths of the other one
_MOST_NAMES = 60  # more patients than this are drawn without their names
_GOLDEN_RATIO = (
    0.618034  # of steps: they fill a width evenly for any count, so that neighbours do not hide each other
)
_BOX_WIDTH = 2.4  # of a box, in times the reach of its points to either side
_THIN = {"color": style.FAINT, "linewidth": 0.8}
# Colour and marker by phase, which are told apart without colour as well.
_CYCLES = {"ED": (style.BLUE, "o"), "ES": (style.VERMILLION, "^"), "": (style.FAINT, "s")}


def draw_distribution(path: Path, slices: pd.DataFrame) -> None:
    """Draw Dice of every slice: a row per model, the best first; all slices on the left, by patient on the right.

    Args:
        path: PNG to write.
        slices: columns model, patient, group, cycle, dice; slices with undefined Dice are not drawn.
    """
    scored = slices.dropna(subset="dice")
    models = slices.groupby("model")["dice"].mean().sort_values(ascending=False, kind="stable").index
    patients = slices[["group", "patient"]].drop_duplicates().sort_values(["group", "patient"])
    width = min(max(_PATIENT_INCHES * len(patients) + _OVERALL_INCHES, _LEAST_WIDTH), _LARGEST_WIDTH)
    shares = [1, max(width / _OVERALL_SHARE - 1, _LEAST_SHARE)]
    with style.drawing(path, width, _MODEL_INCHES * len(models) + _LEGEND_INCHES) as figure:
        panels = figure.subplots(len(models), 2, squeeze=False, sharey=True, width_ratios=shares)
        for model, (overall, by_patient) in zip(models, panels, strict=True):
            rows = scored[scored["model"] == model]
            overall.set(ylabel=f"{model}\nDice per slice", ylim=(-0.03, 1.03))
            _strip(overall, rows, np.zeros(len(rows)), reach=0.28)
            overall.set_xticks([0], [f"{len(rows)} slices"])
            places = {patient: place for place, patient in enumerate(patients["patient"])}
            _strip(by_patient, rows, rows["patient"].map(places).to_numpy(float), reach=0.16)
            by_patient.set_xlim(-0.7, len(places) - 0.3)
            _name(by_patient, patients)
        panels[0, 0].set_title("all patients", pad=16)
        panels[0, 1].set_title("by patient, in groups", pad=16)
        present = [cycle for cycle in _CYCLES if (scored["cycle"] == cycle).any()]
        handles = [
            Line2D([], [], color=_CYCLES[c][0], marker=_CYCLES[c][1], linestyle="", label=c or "other phase")
            for c in present
        ]
        handles.append(Line2D([], [], color=style.INK, label="median (box: quartiles)"))
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=8)


def _strip(axes: Axes, rows: pd.DataFrame, places: NDArray[np.float64], reach: float) -> None:
    """Draw one box per place and every slice as a point; points are placed by rank, not by chance.

    Args:
        axes: to draw on.
        rows: of n slices, with `dice` and `cycle`.
        places: (n,) of the slices on the axis across.
        reach: how far points lie from their place, to either side.
    """
    dice = rows["dice"].to_numpy(float)
    for place in np.unique(places):
        axes.boxplot(
            dice[places == place],
            positions=[place],
            widths=_BOX_WIDTH * reach,
            showfliers=False,
            manage_ticks=False,
            medianprops={"color": style.INK, "linewidth": 1.4},
            boxprops=_THIN,
            whiskerprops=_THIN,
            capprops=_THIN,
        )
    shift = np.zeros(len(rows))
    for place in np.unique(places):
        count = int((places == place).sum())
        shift[places == place] = ((np.arange(count) * _GOLDEN_RATIO) % 1 - 0.5) * 2 * reach
    for cycle, (colour, marker) in _CYCLES.items():
        here = (rows["cycle"] == cycle).to_numpy()
        axes.scatter(
            (places + shift)[here], dice[here], s=11, marker=marker, color=colour, alpha=0.65, linewidths=0
        )
    axes.grid(axis="x", visible=False)


def _name(axes: Axes, patients: pd.DataFrame) -> None:
    """Label the patients, and separate and label their groups."""
    if len(patients) <= _MOST_NAMES:
        axes.set_xticks(range(len(patients)), patients["patient"], rotation=60, ha="right", fontsize=7)
    else:
        axes.set_xticks([])
    start = 0
    for group, members in patients.groupby("group", sort=False):
        if start:
            axes.axvline(start - 0.5, color=style.FAINT, linewidth=0.8, linestyle=":")
        axes.text(
            start + (len(members) - 1) / 2,
            1.0,
            str(group) or "unknown",
            ha="center",
            va="bottom",
            fontsize=8,
            color=style.INK,
            transform=axes.get_xaxis_transform(),
        )
        start += len(members)
