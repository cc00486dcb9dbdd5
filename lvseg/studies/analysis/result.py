"""What is known of one study after its analysis: everything that its outputs are made of."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lvseg.dicom.cine import Cine
from lvseg.studies.analysis.assessment import Assessment
from lvseg.studies.analysis.measurements import Measurements

_SHOWN_DIGITS = 12  # of a hash, in a line to read


@dataclass(frozen=True)
class ModelFacts:
    """Which model predicted the masks.

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
        return f"{self.name} {self.version}".strip() + f" ({self.weights[:_SHOWN_DIGITS]})"


@dataclass(frozen=True)
class StudyResult:
    """One study, segmented, measured and assessed.

    Attributes:
        name: of the study in all outputs; it names no patient.
        cine: the N frames.
        masks: (N, H, W) uint8, 1 in the predicted cavity.
        contours: (N,) outline (n, 2) of each mask, x (column) and y (row) in pixels whose first centre is (0, 0);
            None where the mask is empty.
        measurements: volumes over the beat.
        assessment: verdict and reasons.
        model: that predicted the masks.
    """

    name: str
    cine: Cine
    masks: NDArray[np.uint8]
    contours: tuple[NDArray[np.float64] | None, ...]
    measurements: Measurements
    assessment: Assessment
    model: ModelFacts
