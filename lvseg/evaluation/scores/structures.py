"""Scores of every structure that experts drew, on the slices where they say something of it.

Overlap is taken over the volume of a phase, as ACDC's evaluation does (Bernard et al. 2018): 2 x shared / sum over all
slices of the phase on which the structure is known; a slice that is empty on both sides neither helps nor harms.
Volumes count a slice that is empty at one phase as empty, unlike the rule of the 2009 challenge.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from lvseg.data.examples import Example
from lvseg.evaluation.scores.slices import Comparison
from lvseg.imaging.structures import STRUCTURES, Structure
from lvseg.metrics.volumes import MUSCLE_G_PER_ML, agreement, ejection_fraction

_MM3_PER_ML = 1000.0
VOLUMES = ("edv_ml", "esv_ml", "ef_percent", "mass_g")


@dataclass(frozen=True)
class StructureScore:
    """One structure as one model drew it on one slice where an expert says something of it.

    Attributes:
        structure: key of the structure.
        shared_pixels: that both have.
        hd95_mm: 95th percentile of the distances of the borders; NaN where either is empty.
        pixel_ml: what a pixel of the slice stands for; NaN where lengths are unknown.
    """

    model: str
    patient: str
    group: str
    vendor: str
    collection: str
    structure: str
    slice: int
    phase: int
    cycle: str
    flags: str
    reference_pixels: int
    predicted_pixels: int
    shared_pixels: int
    hd95_mm: float
    pixel_ml: float


def structure_scores(model: str, example: Example, comparison: Comparison) -> list[StructureScore]:
    """Return the scores of the structures that the model knows and an expert says something of."""
    frame, scores = comparison.frame, []
    for place, structure in enumerate(STRUCTURES):
        if not frame.known[place] or structure not in comparison.prediction.outlines:
            continue
        reference, predicted = comparison.masks(structure)
        scores.append(
            StructureScore(
                model=model,
                patient=example.patient,
                group=example.group,
                vendor=example.vendor,
                collection=example.collection,
                structure=structure.key,
                slice=example.slice,
                phase=example.phase,
                cycle=example.cycle,
                flags=" ".join(example.flags),
                reference_pixels=int(reference.sum()),
                predicted_pixels=int(predicted.sum()),
                shared_pixels=int((reference & predicted).sum()),
                hd95_mm=comparison.distances(structure).hausdorff_95,
                pixel_ml=frame.spacing_mm.pixel_mm2 * frame.slice_distance_mm / _MM3_PER_ML,
            )
        )
    return scores


def by_patient(scores: Sequence[StructureScore]) -> pd.DataFrame:
    """Return one row per model, patient and structure.

    Columns: model, patient, group, vendor, collection, structure; slices; Dice at ED, at ES and their mean, each over
    the volume; hd95_mm, mean over slices; edv_ml, esv_ml and ef_percent of cavity and right ventricle, mass_g of the
    myocardium at ED, by the model and, with the prefix `reference_`, by the expert.
    """
    keys = ["model", "patient", "group", "vendor", "collection", "structure"]
    slices = pd.DataFrame([asdict(score) for score in scores])
    if slices.empty:
        return pd.DataFrame(columns=[*keys, "slices"])
    rows = []
    for values, of_structure in slices.groupby(keys, sort=False):
        at = {cycle: of_structure[of_structure["cycle"] == cycle] for cycle in ("ED", "ES")}
        dice = {cycle: _dice(part) for cycle, part in at.items()}
        known = [value for value in dice.values() if not math.isnan(value)]
        rows.append(
            dict(zip(keys, values, strict=True))
            | {
                "slices": len(of_structure),
                "dice_ed": dice["ED"],
                "dice_es": dice["ES"],
                "dice_mean": float(np.mean(known)) if known else math.nan,
                "hd95_mm": of_structure["hd95_mm"].mean(),
            }
            | _measures(at["ED"], at["ES"], str(values[-1]), "predicted_pixels", "")
            | _measures(at["ED"], at["ES"], str(values[-1]), "reference_pixels", "reference_")
        )
    return pd.DataFrame(rows)


def in_short(patients: pd.DataFrame) -> dict[str, Any]:
    """Return the scores of one model, by structure: means over patients, and agreement of volumes.

    Below each structure `by_collection`, `by_vendor` and `by_group` tell the mean Dice of their patients.
    """
    scores: dict[str, Any] = {}
    for structure, rows in patients.groupby("structure", sort=False):
        compared = {
            name: agreement(rows[name].tolist(), rows[f"reference_{name}"].tolist()) for name in VOLUMES
        }
        scores[str(structure)] = {
            "patients": int(rows["dice_mean"].notna().sum()),
            **{name: rows[name].mean() for name in ("dice_ed", "dice_es", "dice_mean", "hd95_mm")},
            "volumes": {
                name: {"patients": one.patients, "bias": one.bias, "mae": one.mean_absolute}
                for name, one in compared.items()
                if one.patients
            },
            **{
                f"by_{column}": {
                    str(value) or "unknown": {
                        "patients": int(part["dice_mean"].notna().sum()),
                        "dice_mean": part["dice_mean"].mean(),
                    }
                    for value, part in rows.groupby(column)
                }
                for column in ("collection", "vendor", "group")
            },
        }
    return scores


def _dice(slices: pd.DataFrame) -> float:
    total = slices["reference_pixels"].sum() + slices["predicted_pixels"].sum()
    return 2 * float(slices["shared_pixels"].sum()) / float(total) if total else math.nan


def _measures(
    ed: pd.DataFrame, es: pd.DataFrame, structure: str, column: str, prefix: str
) -> dict[str, float]:
    """Return volumes or mass of one structure of one patient; NaN for what it has none of."""
    edv, esv = (
        float((part[column] * part["pixel_ml"]).sum(skipna=False)) if len(part) else math.nan
        for part in (ed, es)
    )
    muscle = structure == Structure.MYOCARDIUM.key
    values = (
        *((math.nan,) * 3 if muscle else (edv, esv, _fraction(ed, es, column))),
        edv * MUSCLE_G_PER_ML if muscle else math.nan,
    )
    return {prefix + name: value for name, value in zip(VOLUMES, values, strict=True)}


def _fraction(ed: pd.DataFrame, es: pd.DataFrame, column: str) -> float:
    """Return the ejection fraction, which needs no length: pixels of one patient are all alike."""
    if ed.empty or es.empty:
        return math.nan
    return ejection_fraction(float(ed[column].sum()), float(es[column].sum()))
