"""How far apart two values of one quantity may lie and still be the same: one number each, in one place.

Headers hold decimals of few digits, some scanners round them differently from image to image, and a patient breathes
between slices.
"""

import math

PARALLEL_DEGREES = 10.0  # between the planes of one stack, whichever way it is turned or tilted
PARALLEL = math.cos(math.radians(PARALLEL_DEGREES))
ACROSS = math.cos(math.radians(30.0))  # planes further apart are others on purpose
SAME_SLICE_MM = 1.0  # along the normal
SAME_SPACING = 0.002  # of a pixel's size, as a share: a hundredth of a mm in five
SAME_THICKNESS_MM = 0.1
SAME_DISTANCE = 0.02  # of the distance of slices, as a share, by which positions and tags may differ
USUAL_DISTANCE = 0.75, 2.0  # of slices, in times their thickness
ENOUGH_PHASES = 0.6  # of the usual phases, below which a slice cannot follow the beat
MOST_PHASES = 60  # at one position; more are the beats of a perfusion series
LEAST_SLICES = 3  # of a stack
LEAST_PHASES = 3  # of a beat; two are end-diastole and end-systole alone
BEAT_MS = 250.0, 3000.0  # what a heart beat lasts: 240 to 20 a minute
LONGER_THAN_ITS_BEAT = 1.1  # times the stated beat, beyond which no phase of it lies
GAP = 1.5  # times the usual distance, above which a slice is missing
# The usual time of a phase after the R wave: below and above, it is in seconds or in microseconds.
TIME_MS = 5.0, 10_000.0


def same_spacing(one: tuple[float, float] | None, other: tuple[float, float] | None) -> bool:
    """Return whether two pixel sizes in mm are one, or both unknown."""
    if one is None or other is None:
        return one is other
    return all(math.isclose(a, b, rel_tol=SAME_SPACING) for a, b in zip(one, other, strict=True))


def same_thickness(one: float | None, other: float | None) -> bool:
    """Return whether two slices in mm are as thick, as far as both say."""
    return one is None or other is None or abs(one - other) <= SAME_THICKNESS_MM
