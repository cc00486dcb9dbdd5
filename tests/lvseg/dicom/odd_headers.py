"""Odd headers that are right all the same: each gives the pixels, the places and the order of the plain study."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from tests.lvseg.studies.hearts import Change, axes

ACROSS, DOWN = axes()
NORMAL = np.cross(ACROSS, DOWN)


def values(ds: Dataset) -> NDArray[np.int64]:
    """Return the pixels of an image that nothing has changed yet."""
    return np.frombuffer(ds.PixelData, "<u2").reshape(ds.Rows, ds.Columns).astype(np.int64)


def store(ds: Dataset, shown: NDArray[np.int64], bits: int, high: int, signed: bool) -> None:
    """Store values in some bits of 16, up to bit `high`; all other bits hold something else."""
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, bits, high, int(signed)
    own = ((1 << bits) - 1) << (high + 1 - bits)
    ds.PixelData = ((shown << (high + 1 - bits)) & own | 0xA5A5 & ~own).astype("<u2").tobytes()


def stored(bits: int, high: int, signed: bool) -> Change:
    return lambda ds, slice_, phase: store(ds, values(ds), bits, high, signed)


def floating(bits: int) -> Change:
    def change(ds: Dataset, slice_: int, phase: int) -> None:
        shown = values(ds).astype(f"<f{bits // 8}").tobytes()
        for name in ("PixelData", "BitsStored", "HighBit", "PixelRepresentation"):
            delattr(ds, name)
        ds.BitsAllocated = bits
        setattr(ds, "FloatPixelData" if bits == 32 else "DoubleFloatPixelData", shown)

    return change


def below_zero(ds: Dataset, slice_: int, phase: int) -> None:
    """Signed, with an intercept that makes it what it was."""
    store(ds, values(ds) - 400, 12, 11, signed=True)
    ds.RescaleSlope, ds.RescaleIntercept = "1", "400"


def falling(ds: Dataset, slice_: int, phase: int) -> None:
    store(ds, 4095 - values(ds), 12, 11, signed=False)
    ds.RescaleSlope, ds.RescaleIntercept = "-1", "4095"


def dark_is_high(ds: Dataset, slice_: int, phase: int) -> None:
    """MONOCHROME1: turned within its bits before the scale."""
    store(ds, 4095 - values(ds) // 2, 12, 11, signed=False)
    ds.PhotometricInterpretation = "MONOCHROME1"
    ds.RescaleSlope, ds.RescaleIntercept = "2", "0"


def padded(first: int, limit: int | None) -> Change:
    """Return a change that fills a corner with values of which the header says that nothing was measured there."""

    def change(ds: Dataset, slice_: int, phase: int) -> None:
        shown = values(ds)
        shown[:2, :8] = first
        shown[0, :4] = first if limit is None else limit
        ds.PixelRepresentation = int(first < 0)
        ds.PixelData = shown.astype("<i2" if first < 0 else "<u2").tobytes()
        ds.add_new("PixelPaddingValue", "SS" if first < 0 else "US", first)
        if limit is not None:
            ds.add_new("PixelPaddingRangeLimit", "US", limit)

    return change


def tags(**given: object | Callable[[int, int], object]) -> Change:
    """Return a change that sets elements; None deletes one, and a function is asked with slice and phase."""

    def change(ds: Dataset, slice_: int, phase: int) -> None:
        for name, value in given.items():
            value = value(slice_, phase) if callable(value) else value
            if value is None:
                if name in ds:
                    delattr(ds, name)
            else:
                setattr(ds, name, value)

    return change


def uid(name: str, part: Callable[[int, int], object]) -> Change:
    """Return a change that gives a UID per part."""
    return tags(**{name: lambda slice_, phase: f"1.2.826.{part(slice_, phase)}"})


def series_per_phase(ds: Dataset, slice_: int, phase: int) -> None:
    """Nothing but the series tells the phases apart, from the ninth to the tenth and on: images count anew in each."""
    tags(SeriesInstanceUID=f"1.2.826.{9 + phase}", InstanceNumber=slice_ + 1, TriggerTime=None)(
        ds, slice_, phase
    )


def phases_first(**given: object | Callable[[int, int], object]) -> Change:
    """Return a change after which images are counted through all slices of a phase, and do not say where they lie."""
    return tags(ImagePositionPatient=None, InstanceNumber=lambda slice_, phase: 100 * phase + slice_, **given)


def decimal_commas(ds: Dataset, slice_: int, phase: int) -> None:
    """As exporters write whose machine is set to a language that has them."""
    for name in ("ImagePositionPatient", "PixelSpacing", "SliceThickness", "TriggerTime"):
        value = ds[name].value
        numbers = [value] if isinstance(value, float | int) else list(value)
        content = "\\".join(str(float(number)) for number in numbers).replace(".", ",").encode()
        tag = Tag(name)
        ds[tag] = RawDataElement(tag, "DS", len(content), content + b" " * (len(content) % 2), 0, False, True)


PIXELS: Mapping[str, Change] = {
    "12 of 16 bits": stored(12, 11, signed=False),
    "12 upper bits": stored(12, 15, signed=False),
    "12 bits in the middle": stored(12, 13, signed=False),
    "12 bits, signed": stored(12, 11, signed=True),
    "12 upper bits, signed": stored(12, 15, signed=True),
    "signed, below zero": below_zero,
    "padding below zero": padded(-2000, None),
    "a range of padding": padded(65000, 65535),
    "float": floating(32),
    "double": floating(64),
    "negative slope": falling,
    "MONOCHROME1 with a slope": dark_is_high,
    "slope of nothing": tags(RescaleSlope="", RescaleIntercept=""),
}

HEADERS: Mapping[str, Change] = {
    "the gap as the distance": tags(SpacingBetweenSlices="0.5"),
    "no distance": tags(SpacingBetweenSlices="0"),
    "a negative distance": tags(SpacingBetweenSlices="-8"),
    "thickness rounded": tags(SliceThickness=lambda slice_, _: "8" if slice_ < 2 else "7.99999"),
    "spacing rounded": tags(
        PixelSpacing=lambda slice_, _: ["2", "2"] if slice_ % 2 else ["2.00001", "1.99999"]
    ),
    "orientation rounded": tags(
        ImageOrientationPatient=lambda slice_, _: [*np.round(ACROSS, 6 + slice_ % 2), *np.round(DOWN, 6)]
    ),
    "times that drift": tags(TriggerTime=lambda slice_, phase: 160.0 * phase * (1 + 0.03 * slice_)),
    "one time before the beat": tags(TriggerTime=lambda *at: -1.0 if at == (2, 1) else 160.0 * at[1]),
    "one time after the beat": tags(TriggerTime=lambda *at: 5000.0 if at == (2, 1) else 160.0 * at[1]),
    "two phases of one time": tags(TriggerTime=lambda _, phase: 160.0 * max(phase, 1)),
    "no times": tags(TriggerTime=None),
    "times in microseconds": tags(TriggerTime=lambda _, phase: 160_000.0 * phase, NominalInterval=None),
    "times in seconds": tags(TriggerTime=lambda _, phase: 0.16 * phase, NominalInterval=None),
    "a beat in microseconds": tags(NominalInterval=800_000),
    "an acquisition per phase": tags(AcquisitionNumber=lambda _, phase: phase + 1),
    "two kinds of slices": tags(
        ImageType=lambda slice_, _: ["ORIGINAL", "PRIMARY", "M_FFE" if slice_ % 2 else "M"]
    ),
    "two kinds of phases": tags(
        ImageType=lambda _, phase: ["ORIGINAL", "PRIMARY", "M_FFE" if phase % 2 else "M"]
    ),
    "a series per slice": uid("SeriesInstanceUID", lambda slice_, _: slice_ + 1),
    "a series per phase": uid("SeriesInstanceUID", lambda _, phase: phase + 1),
    "a series per phase, no times": series_per_phase,
    "a series per image": uid("SeriesInstanceUID", lambda slice_, phase: f"{slice_ + 1}.{phase + 1}"),
    "a study per slice": uid("StudyInstanceUID", lambda slice_, _: slice_ + 1),
    "a study per image": uid("StudyInstanceUID", lambda slice_, phase: f"{slice_ + 1}.{phase + 1}"),
    "two studies, one series": uid("StudyInstanceUID", lambda slice_, _: 1 + (slice_ > 2)),
    "one UID for all": uid("SOPInstanceUID", lambda *_: 1),
    "a UID per slice": uid("SOPInstanceUID", lambda slice_, _: slice_ + 1),
    "counted from 0": tags(InstanceNumber=lambda slice_, phase: slice_ * 5 + phase),
    "decimal commas": decimal_commas,
    "one place and Slice Location": tags(
        ImagePositionPatient=[10.0, -20, 30], SliceLocation=lambda slice_, _: f"{8.0 * slice_}"
    ),
    "Slice Location alone": tags(
        ImagePositionPatient=None,
        SliceLocation=lambda slice_, _: f"{8.0 * slice_}",
        SpacingBetweenSlices="-3",
    ),
    "positions without an orientation": tags(ImageOrientationPatient=None),
    "no positions, the gap": tags(ImagePositionPatient=None, SliceThickness="6", SpacingBetweenSlices="2"),
    "no positions, phases first": phases_first(),
    "no positions, phases first, no times": phases_first(
        TriggerTime=None, TemporalPositionIdentifier=lambda _, phase: phase + 1
    ),
    "no positions, a wrong number of phases": tags(ImagePositionPatient=None, CardiacNumberOfImages=3),
    "no positions, a negative distance": tags(ImagePositionPatient=None, SpacingBetweenSlices="-8"),
}
