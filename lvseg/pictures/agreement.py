"""Volumes and ejection fraction from a model against the reference, patient by patient.

The picture is that of Bland and Altman, Statistical methods for assessing agreement between two methods of clinical
measurement, Lancet 1986.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from lvseg.metrics.volumes import agreement
from lvseg.pictures import style

_INCHES = 9.6, 3.1  # width and height of three panels in a row
_PANELS = {"edv_ml": "EDV (ml)", "esv_ml": "ESV (ml)", "ef_percent": "EF (%)"}


def draw_agreement(path: Path, name: str, patients: pd.DataFrame) -> None:
    """Draw the difference of predicted and reference values against their mean, a point per patient.

    Args:
        path: PNG to write.
        name: of the model.
        patients: its rows, with `edv_ml`, `esv_ml`, `ef_percent` and the reference with the prefix `manual_`.
    """
    with style.drawing(path, *_INCHES) as figure:
        figure.suptitle(f"{name}: automatic minus manual, patient by patient", fontweight="bold")
        for axes, (measure, label) in zip(figure.subplots(1, len(_PANELS)), _PANELS.items(), strict=True):
            _draw(axes, patients[measure].to_numpy(float), patients[f"manual_{measure}"].to_numpy(float))
            axes.set(xlabel=f"mean of both: {label}")


def _draw(axes: Axes, predicted: NDArray[np.float64], reference: NDArray[np.float64]) -> None:
    """Draw one measure (n,) of n patients, with its bias and limits of agreement; NaN is left out."""
    both = np.isfinite(predicted) & np.isfinite(reference)
    axes.axhline(0, color=style.FAINT, linewidth=0.8)
    if not both.any():
        axes.text(0.5, 0.5, "no patient has both", ha="center", transform=axes.transAxes, fontsize=8)
        return
    means, differences = ((predicted + reference) / 2)[both], (predicted - reference)[both]
    axes.scatter(means, differences, s=16, color=style.BLUE, alpha=0.75)
    measured = agreement(predicted.tolist(), reference.tolist())
    axes.axhline(measured.bias, color=style.VERMILLION, linewidth=1.3)
    title = f"bias {measured.bias:+.1f}"
    if np.isfinite(measured.limits).all():  # one patient has a bias and no standard deviation
        title += f", limits {measured.limits[0]:+.1f} to {measured.limits[1]:+.1f}"
        for limit in measured.limits:
            axes.axhline(limit, color=style.VERMILLION, linewidth=1, linestyle="--")
    axes.set_title(title, fontsize=8.5, fontweight="normal")
