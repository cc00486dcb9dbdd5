"""What is known of one study after segmentation: everything that its outputs are made of."""

from dataclasses import dataclass

import numpy as np

from lvseg.dicom.cine import Cine

OK, LOOK, FAILED = "ok", "look at it", "failed"


@dataclass(frozen=True)
class ModelFacts:
    """Which model drew the masks.

    Attributes:
        name: of the network, such as `unet`.
        version: of the registered model, such as `v3`; empty for a model from a folder.
        weights: hash of its weights, 64 hexadecimal digits.
        code: version of this program that applied it, such as `0.1.0`.
    """

    name: str
    version: str
    weights: str
    code: str

    @property
    def words(self) -> str:
        """One line: name, version and the first digits of the hash."""
        return f"{self.name} {self.version}".strip() + f" ({self.weights[:12]})"


@dataclass(frozen=True)
class Measurements:
    """The cavity over the beat; what is unknown is NaN, a phase that was not found 0.

    Attributes:
        area_mm2: (S, T) of the cavity, by slice and phase.
        volume_ml: (T,) the curve.
        time_ms: (T,) of the phases after the R wave.
        ed_phase: of the largest volume, from 1.
        es_phase: of the smallest.
        edv_ml: volume at `ed_phase`.
        esv_ml: volume at `es_phase`.
    """

    area_mm2: np.ndarray
    volume_ml: np.ndarray
    time_ms: np.ndarray
    ed_phase: int
    es_phase: int
    edv_ml: float
    esv_ml: float

    @property
    def sv_ml(self) -> float:
        """What one beat moves, in ml."""
        return self.edv_ml - self.esv_ml

    @property
    def ef_percent(self) -> float:
        """The ejection fraction in percent; NaN where there is no end-diastolic volume."""
        return 100 * self.sv_ml / self.edv_ml if self.edv_ml > 0 else float("nan")


@dataclass(frozen=True)
class Assessment:
    """How far the measurements may be trusted.

    Attributes:
        verdict: `ok`, `look at it` or `failed` (no ejection fraction).
        reasons: for a verdict other than ok, a plain sentence each.
        quality: numbers behind it by name, such as `slices_found`; NaN where there is none.
    """

    verdict: str
    reasons: tuple[str, ...]
    quality: dict[str, float]


@dataclass(frozen=True)
class StudyResult:
    """One study, segmented and measured.

    Attributes:
        name: of the study in all outputs; it names no patient.
        cine: the frames.
        masks: (N, H, W) uint8, 1 in the cavity.
        contours: (N,) outline (n, 2) of each mask, x (column) and y (row) in pixels whose first centre is (0, 0);
            None where the mask is empty.
        measurements: volumes and their curve.
        assessment: verdict and reasons.
        model: that drew the masks.
    """

    name: str
    cine: Cine
    masks: np.ndarray
    contours: tuple[np.ndarray | None, ...]
    measurements: Measurements
    assessment: Assessment
    model: ModelFacts
