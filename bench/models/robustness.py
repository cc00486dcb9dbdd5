"""`make bench-robust`: does a model depend on luck of framing? Its Dice on test patients, reframed in many ways.

Each way cuts another image out of the original, with other pixels, turned, mirrored, or with the heart off the
middle, or gives the pixels another type and window. The contour goes along as a polygon, so that the truth does
not suffer from resampling.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import typer
from scipy import ndimage

from lvseg import params
from lvseg.core.command import run
from lvseg.core.errors import UserError
from lvseg.data import drawn_frames
from lvseg.evaluation.sources import Sources
from lvseg.evaluation.trained_models import trained_models
from lvseg.imaging.raster import rasterise
from lvseg.imaging.spacing import Spacing
from lvseg.inference.segmenter import Segmenter
from lvseg.inference.stacks import segment_alone
from lvseg.metrics import overlap

Pixels = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Picture:
    """An image (H, W), the contour (n, 2) on it in x and y, and the spacing between rows and between columns."""

    image: np.ndarray
    contour: np.ndarray
    spacing_mm: Spacing


@dataclass(frozen=True)
class Framing:
    """How a picture is taken anew.

    Attributes:
        shape: rows and columns; None keeps the field of view.
        spacing_mm: between rows and between columns; None keeps them.
        degrees: turned about the heart.
        mirror: left and right swapped.
        off_mm: where the heart lies from the middle, down and to the right; None leaves it where it is.
        pixels: another type or window.
    """

    shape: tuple[int, int] | None = None
    spacing_mm: tuple[float, float] | None = None
    degrees: float = 0.0
    mirror: bool = False
    off_mm: tuple[float, float] | None = None
    pixels: Pixels | None = None

    def reframed(self, old: Picture) -> Picture:
        """Return the picture taken anew; what lies beyond the old image has its lowest value."""
        spacing = np.array(self.spacing_mm or old.spacing_mm)
        field = np.array(old.image.shape) * old.spacing_mm
        shape = self.shape or tuple(int(n) for n in np.round(field / spacing))
        heart = old.contour.mean(axis=0)[::-1]  # row, column
        angle = math.radians(self.degrees)
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        turn = turn @ np.diag([1.0, -1.0 if self.mirror else 1.0])
        to_old = np.diag(1 / np.array(old.spacing_mm)) @ turn @ np.diag(spacing)
        middle = (np.array(shape) - 1) / 2
        off = (heart - (np.array(old.image.shape) - 1) / 2) * old.spacing_mm
        placed = middle + np.array(off if self.off_mm is None else self.off_mm) / spacing
        image = ndimage.affine_transform(
            old.image.astype(np.float32),
            to_old,
            heart - to_old @ placed,
            shape,
            order=1,
            cval=float(old.image.min()),
        )
        contour = (np.linalg.inv(to_old) @ (old.contour[:, ::-1] - heart).T).T + placed
        image = np.round(image).astype(old.image.dtype)
        return Picture(
            self.pixels(image) if self.pixels else image,
            contour[:, ::-1],
            Spacing(float(spacing[0]), float(spacing[1])),
        )


def _scaled(image: np.ndarray, top: float) -> np.ndarray:
    """Return an image whose values are stretched to reach from 0 to `top`."""
    low, high = float(image.min()), float(image.max())
    return (image - low) / max(high - low, 1.0) * top


FRAMINGS: Mapping[str, Framing] = {
    "mirrored": Framing(mirror=True),
    "turned by 90 degrees": Framing(degrees=90),
    "turned by 200 degrees": Framing(degrees=200),
    "heart 60 mm off, up": Framing(off_mm=(-60, 0)),
    "heart 60 mm off, aslant": Framing(off_mm=(42, 42)),
    "0.7 mm, 512 x 512": Framing(spacing_mm=(0.7, 0.7), shape=(512, 512)),
    "2.5 mm, 128 x 128": Framing(spacing_mm=(2.5, 2.5), shape=(128, 128)),
    "1.2 x 1.8 mm, 200 x 160": Framing(spacing_mm=(1.2, 1.8), shape=(200, 160)),
    "8 bit": Framing(pixels=lambda image: _scaled(image, 255).astype(np.uint8)),
    "16 bit": Framing(pixels=lambda image: _scaled(image, 65535).astype(np.uint16)),
    "signed, from -2000": Framing(pixels=lambda image: (_scaled(image, 3000) - 2000).astype(np.int16)),
    "a narrow window": Framing(
        pixels=lambda image: np.clip(image, *np.percentile(image, [2, 97])).astype(image.dtype)
    ),
}


def mean_dice(segmenter: Segmenter, pictures: Sequence[Picture]) -> float:
    """Return the mean Dice over pictures that hold a ventricle."""
    scores: list[float] = []
    for picture in pictures:
        mask = segment_alone(segmenter, picture.image, picture.spacing_mm).mask
        scores.append(overlap.dice(mask, rasterise(picture.contour, picture.image.shape)))
    return float(np.nanmean(scores))


def losses(segmenter: Segmenter, pictures: Sequence[Picture], whole: float) -> Iterator[tuple[str, float]]:
    """Yield the name of each way of framing, and how much Dice it costs.

    Args:
        segmenter: the model to judge.
        pictures: images that hold a ventricle, with its contour.
        whole: the mean Dice of the pictures as they are.
    """
    for name, framing in FRAMINGS.items():
        yield name, whole - mean_dice(segmenter, [framing.reframed(old) for old in pictures])


def main(
    model: Annotated[str, typer.Option(help="Folder in models/.")] = "unet",
    views: Annotated[
        int | None, typer.Option(min=1, max=8, help="Averaged by a prediction; as trained by default.")
    ] = None,
) -> None:
    """Print the Dice that each way of framing costs, over all test slices."""
    settings, sources = params.load(), Sources()
    models = {trained.name: trained for trained in trained_models(sources.models)}
    if model not in models:
        raise UserError(f"--model: there is no {model} in {sources.models}/; there are {', '.join(models)}")
    segmenter = models[model].load()
    if views:
        segmenter = replace(segmenter, views=views)
    test = sources.select("test", settings.quality.drop_from_test).examples
    pictures = []
    for example in test:
        frame = drawn_frames.load(example)
        pictures.append(Picture(frame.image, frame.contour, frame.spacing_mm))
    whole = mean_dice(segmenter, pictures)
    print(f"{model} on {len(pictures)} slices of {len({e.patient for e in test})} patients: "
          f"Dice {whole:.4f}\n\n| framing | Dice lost |\n|---|---|")  # fmt: skip
    for name, lost in losses(segmenter, pictures, whole):
        print(f"| {name} | {lost:+.4f} |", flush=True)


if __name__ == "__main__":
    run(main)
