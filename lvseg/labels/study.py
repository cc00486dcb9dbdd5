"""What is known of one patient: frames, contours joined to them, end-diastole and end-systole, quality flags."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely

from lvseg.core.paths.archives import SetAside
from lvseg.dicom.stacks.order.arrangement import PlacedImage
from lvseg.imaging import contour_quality
from lvseg.imaging.structures import Structure
from lvseg.labels.sources.label_map import LabelMap
from lvseg.labels.sunnybrook_text import ENDO, EPI

_ENOUGH_CONTOURS = 0.6  # of those of the phase that has most: at end-systole some slices have no cavity


@dataclass
class Study:
    """What is known of one patient after reading.

    Attributes:
        id: the patient's id as it is shown on a terminal.
        group: HF-I, HF-NI, HYP, N or empty.
        series: name of the chosen series; empty where there are no images.
        why: the evidence for that choice.
        source: where the images came from.
        other_series: images by series that was not chosen.
        rescaled: whether the pixels are an 8-bit export, not what the scanner stored.
        frames: in the order of their image numbers.
        distance_mm: usual distance from slice to slice; NaN where nothing says it.
        notes: what was odd about the images and how it was handled, a sentence each.
        pixels: (rows, columns) by image number; all frames, or only the contoured ones.
        points: contour points (n, 2) by (image number, kind), those without an image included.
        phases: phases of the cine.
        cycle: ED or ES by phase.
        flags: evidence by flag and image number.
        aside: files that were not used.
        duplicates: other copies of this patient, and why this one was kept.
        maps: label maps by image number, where the source has such; empty where it has lines alone.
        unmapped: how often a label was met (pixels, frames or contours) that is mapped to no structure.
        vendor: of the scanner, where the source says it.
        collection: the place of the raw data that the patient comes from.
        official_part: of the data set's own division, where the source says it.
        convention: how coordinates of lines were read, in words.
    """

    id: str
    group: str
    series: str = ""
    why: str = "no images"
    source: str = ""
    other_series: dict[str, int] = field(default_factory=dict)
    rescaled: bool = False
    frames: list[PlacedImage] = field(default_factory=list)
    distance_mm: float = math.nan
    notes: list[str] = field(default_factory=list)
    pixels: dict[int, np.ndarray] = field(default_factory=dict)
    points: dict[tuple[int, str], np.ndarray] = field(default_factory=dict)
    phases: int = 0
    cycle: dict[int, str] = field(default_factory=dict)
    flags: dict[str, dict[int, str]] = field(default_factory=dict)
    aside: list[SetAside] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    maps: dict[int, LabelMap] = field(default_factory=dict)
    unmapped: dict[str, int] = field(default_factory=dict)
    vendor: str = ""
    collection: str = ""
    official_part: str = ""
    convention: str = ""

    @property
    def endo(self) -> dict[int, np.ndarray]:
        """The endocardial contours by image number, (n, 2) in pixels; those of images that are not there included."""
        return {number: points for (number, kind), points in self.points.items() if kind == ENDO}

    @property
    def joined(self) -> list[PlacedImage]:
        """The frames that have an endocardial contour."""
        return [frame for frame in self.frames if (frame.number, ENDO) in self.points]

    @property
    def labelled(self) -> list[PlacedImage]:
        """The frames of which it is known where a structure lies, or that it is absent."""
        return [frame for frame in self.frames if frame.number in self.maps] if self.maps else self.joined

    def known(self, number: int) -> frozenset[Structure]:
        """Return the structures that are known on a frame."""
        if self.maps:
            return self.maps[number].known if number in self.maps else frozenset()
        lines = {ENDO: Structure.CAVITY, EPI: Structure.MYOCARDIUM}
        drawn = frozenset(structure for kind, structure in lines.items() if (number, kind) in self.points)
        return drawn if Structure.CAVITY in drawn else frozenset()

    @property
    def synthetic(self) -> bool:
        """Whether all frames are those of a phantom."""
        return bool(self.frames) and all(frame.image.synthetic for frame in self.frames)

    def flag(self, name: str, number: int, evidence: str) -> None:
        """Raise a flag on one image."""
        self.flags.setdefault(name, {})[number] = evidence


def find_cycle(joined: Sequence[PlacedImage], endo: Mapping[int, np.ndarray]) -> dict[int, str]:
    """Return ED for the contoured phase with the largest cavity and ES for that with the smallest; no order is assumed.

    Of more than two contoured phases those with few contours beside the two with the most do not count. Areas are
    compared on the slices that all of them share.
    """
    areas: dict[int, dict[int, float]] = {}
    for frame in joined:
        areas.setdefault(frame.phase, {})[frame.slice] = shapely.Polygon(endo[frame.number]).area
    ordered = sorted(areas, key=lambda phase: (-len(areas[phase]), phase))
    if len(ordered) < 2:
        return {}
    enough = _ENOUGH_CONTOURS * len(areas[ordered[0]])
    phases = [phase for n, phase in enumerate(ordered) if n < 2 or len(areas[phase]) >= enough]
    shared = set.intersection(*(set(areas[phase]) for phase in phases))
    if not shared:
        return {}
    sizes = {phase: sum(areas[phase][slice_] for slice_ in sorted(shared)) for phase in phases}
    ed = max(phases, key=lambda phase: sizes[phase])
    es = min((phase for phase in phases if phase != ed), key=lambda phase: sizes[phase])
    return {ed: "ED", es: "ES"}


def raise_flags(study: Study) -> None:
    """Raise the quality flags on every contoured image."""
    frames = {frame.number: frame for frame in study.frames}
    fits: dict[int, float] = {}
    for (number, kind), points in sorted(study.points.items()):
        if number not in frames:
            study.flag("no-image", number, f"{kind} without an image in the chosen series")
            continue
        if kind not in (ENDO, EPI):
            continue
        for name, evidence in contour_quality.shape_flags(points, study.pixels[number].shape).items():
            study.flag(name, number, f"{kind}: {evidence}")
        if kind == ENDO:
            fits[number] = contour_quality.anatomy_fit(study.pixels[number], points)
            epi = study.points.get((number, EPI))
            fault = None if epi is None else contour_quality.epi_flag(points, epi)
            if fault:
                study.flag("epi-not-around-endo", number, fault)
    measured = [fit for fit in fits.values() if np.isfinite(fit)]
    if measured and np.median(measured) < contour_quality.ANATOMY_FIT:
        evidence = f"the patient's contours fit their images by {np.median(measured):.2f} in the median"
        for number in fits:
            study.flag("off-anatomy", number, f"{evidence} (sound: above {contour_quality.ANATOMY_FIT})")
