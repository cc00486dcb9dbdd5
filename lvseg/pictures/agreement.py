"""Volumes and ejection fraction from a model against those from the expert's contours (Bland and Altman 1986)."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from lvseg.metrics.volumes import agreement
from lvseg.pictures import style

_PANELS = {"edv_ml": "EDV (ml)", "esv_ml": "ESV (ml)", "ef_percent": "EF (%)"}


def draw_agreement(path: Path, name: str, patients: pd.DataFrame) -> None:
    """Draw the difference of automatic and manual values against their mean, a point per patient.

    Args:
        path: PNG to write.
        name: of the model.
        patients: its rows, with `edv_ml`, `esv_ml`, `ef_percent` and the same with the prefix `manual_`.
    """
    with style.drawing(path, 9.6, 3.1) as figure:
        figure.suptitle(f"{name}: automatic minus manual, patient by patient", fontweight="bold")
        for axes, (measure, label) in zip(figure.subplots(1, len(_PANELS)), _PANELS.items(), strict=True):
            _draw(axes, patients[measure].to_numpy(float), patients[f"manual_{measure}"].to_numpy(float))
            axes.set(xlabel=f"mean of both: {label}")


def _draw(axes: Axes, automatic: np.ndarray, manual: np.ndarray) -> None:
    """Draw one measure, with its bias and limits of agreement."""
    both = np.isfinite(automatic) & np.isfinite(manual)
    found = agreement(automatic.tolist(), manual.tolist())
    axes.axhline(0, color=style.FAINT, linewidth=0.8)
    if not both.any():
        axes.text(0.5, 0.5, "no patient has both", ha="center", transform=axes.transAxes, fontsize=8)
        return
    axes.scatter(
        ((automatic + manual) / 2)[both], (automatic - manual)[both], s=16, color=style.BLUE, alpha=0.75
    )
    axes.axhline(found.bias, color=style.VERMILLION, linewidth=1.3)
    title = f"bias {found.bias:+.1f}"
    if np.isfinite(found.limits).all():  # one patient has a bias and no spread
        title += f", limits {found.limits[0]:+.1f} to {found.limits[1]:+.1f}"
        for limit in found.limits:
            axes.axhline(limit, color=style.VERMILLION, linewidth=1, linestyle="--")
    axes.set_title(title, fontsize=8.5, fontweight="normal")
