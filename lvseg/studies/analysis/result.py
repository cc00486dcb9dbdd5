"""What is known of one study after its analysis: everything that its outputs are made of."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lvseg.core.paths.archives import SetAside
from lvseg.dicom.image import Image
from lvseg.dicom.stacks.cine import Cine
from lvseg.imaging.drawn_stack import DrawnStack
from lvseg.nifti.volume import Volume
from lvseg.studies.analysis.assessment import Assessment
from lvseg.studies.analysis.measurements import Measurements

_SHOWN_DIGITS = 12  # of a hash, in a line to read


# Where an evaluation says how far a measure of a study was off. The volumes of the cavity are those of the whole cine,
# as a study gets them.
_SCORES = {
    **{name: f"cine/{name}" for name in ("edv_ml", "esv_ml", "ef_percent")},
    "mass_g": "structures/myocardium/volumes/mass_g",
    **{
        f"rv_{name}": f"structures/right_ventricle/volumes/{name}"
        for name in ("edv_ml", "esv_ml", "ef_percent")
    },
}


@dataclass(frozen=True)
class KnownError:
    """How far one measure of a model was off on patients that nobody had shown it.

    Attributes:
        measure: its name, as a `Measurements` has it.
        mean_absolute: of model - expert, in the unit of the measure; of an ejection fraction in points.
        patients: over how many.
    """

    measure: str
    mean_absolute: float
    patients: int

    @classmethod
    def all_of(cls, score: Callable[[str], float | None]) -> "tuple[KnownError, ...]":
        """Return the errors that an evaluation knows.

        Args:
            score: returns what the evaluation says at a place of its scores, such as `cine/edv_ml/mae`; None where it
                says nothing.
        """
        errors = (
            (name, score(f"{place}/mae"), score(f"{place}/patients")) for name, place in _SCORES.items()
        )
        return tuple(
            cls(name, off, int(patients)) for name, off, patients in errors if off is not None and patients
        )


@dataclass(frozen=True)
class ModelFacts:
    """Which model predicted the masks.

    Attributes:
        name: of the network, such as `unet`.
        version: of the registered model, such as `v3`; empty for a model from a folder.
        weights: hash of its weights, 64 hexadecimal digits.
        code: version of this program that applied it, such as `0.1.0`.
        learnt_from: number of patients that it learnt from; None for a model of an early version, which does not say.
        synthetic: how many of those were drawn, not scanned.
        tested: on how many patients nobody had shown it, and how far its ejection fraction was off, in words; nothing
            where that is not known here.
        errors: of its measures, as far as they are known.
    """

    name: str
    version: str
    weights: str
    code: str
    learnt_from: int | None = None
    synthetic: int = 0
    tested: str = ""
    errors: tuple[KnownError, ...] = ()

    @property
    def experience(self) -> str:
        """One sentence: what it learnt from, and how it did on others."""
        if self.learnt_from is None:
            learnt = "It does not say what it learnt from"
        elif self.synthetic == self.learnt_from:
            learnt = f"It learnt from {self.learnt_from} synthetic hearts, from no patient"
        elif self.synthetic:
            patients = self.learnt_from - self.synthetic
            learnt = f"It learnt from {patients} patients and {self.synthetic} synthetic hearts"
        else:
            learnt = f"It learnt from {self.learnt_from} patients"
        return f"{learnt}; {self.tested or 'how it does on others is not known here'}."

    @property
    def words(self) -> str:
        """One line: name, version and the first digits of the hash."""
        return f"{self.name} {self.version}".strip() + f" ({self.weights[:_SHOWN_DIGITS]})"


@dataclass(frozen=True, kw_only=True)
class StudyResult(DrawnStack):
    """One study, segmented, measured and assessed; what is drawn on its N frames is that of `DrawnStack`.

    Attributes:
        name: of the study in all outputs; it names no patient.
        cine: the N frames.
        measurements: volumes over the beat.
        assessment: verdict and reasons.
        model: that predicted the masks.
        set_aside: files that were not used, with the reason for each; their names may name the patient.
        volume: of a NIfTI source, that says how its files lie; None where the frames are DICOM images.
    """

    name: str
    cine: Cine
    measurements: Measurements
    assessment: Assessment
    model: ModelFacts
    set_aside: tuple[SetAside, ...] = ()
    volume: Volume | None = None

    @property
    def frame_slices(self) -> NDArray[np.int64]:
        """(N,) the slice of each mask, from 1 at one end of the heart to S at the other."""
        return np.array([frame.slice for frame in self.cine.frames], np.int64)

    @property
    def frame_phases(self) -> NDArray[np.int64]:
        """(N,) the phase of each mask, from 1 on, counted within its slice."""
        return np.array([frame.phase for frame in self.cine.frames], np.int64)

    @property
    def affines(self) -> NDArray[np.float64]:
        """(N, 4, 4) of each mask: from (column, row, 0, 1) of a pixel's centre to patient coordinates in mm (LPS).

        They are NaN where the source does not say where a frame lies, how it is turned, or how large its pixels are.
        """
        return np.stack([_affine(frame.image) for frame in self.cine.frames])


def _affine(image: Image) -> NDArray[np.float64]:
    """Return (4, 4) from a pixel to the patient, NaN unless the header says all of it."""
    known = image.normal is not None and image.position is not None and image.spacing is not None
    return np.asarray(image.affine) if known else np.full((4, 4), np.nan)
