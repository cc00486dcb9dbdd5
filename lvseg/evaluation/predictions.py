"""What a model draws in the whole stacks of patients, as it draws it in a study, of which slices are scored."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from lvseg.core.errors import UserError
from lvseg.data import shards
from lvseg.data.examples import Example
from lvseg.inference.segmentation import Segmentation, Stack
from lvseg.inference.segmenter import Prediction, Segmenter
from lvseg.inference.stack_of import stack_of_shard
from lvseg.inference.stacks import AT_ONCE, segment


@dataclass(frozen=True)
class SegmentedPatient:
    """What a model draws in the stack of one patient, as it draws it in a study.

    Attributes:
        shard: the patient.
        stack: all his frames.
        segmentation: of all of them.
        examples: the slices that were asked for.
    """

    shard: shards.Shard
    stack: Stack
    segmentation: Segmentation
    examples: list[Example]

    def predictions(self) -> Iterator[tuple[Example, Prediction]]:
        """Yield the examples with what the model draws on each."""
        return ((example, self.segmentation.prediction(example.frame)) for example in self.examples)


def segmented(
    segmenter: Segmenter, examples: Sequence[Example], batch_size: int = AT_ONCE
) -> Iterator[SegmentedPatient]:
    """Yield the patients of some examples, each with what a model draws in his whole stack.

    One patient's frames are in memory at a time; the examples of each follow one another.

    Raises:
        UserError: an image cannot be used; the message names it.
    """
    for path, of_patient in groupby(examples, key=lambda example: example.shard):
        asked = list(of_patient)
        shard = shards.read(path)
        stack = stack_of_shard(shard)
        frames = {example.frame for example in asked}
        try:
            segmentation = segment(segmenter, stack, margins_of=frames, batch_size=batch_size)
        except ValueError as error:
            unusable = [n for n, image in enumerate(stack.pixels) if not _finite(image)]
            raise UserError(f"{path}, frame {(unusable or [0])[0]}: {error}") from None
        yield SegmentedPatient(shard, stack, segmentation, asked)


def predicted(
    segmenter: Segmenter, examples: Sequence[Example], batch_size: int = AT_ONCE
) -> Iterator[tuple[Example, Prediction]]:
    """Yield what a model draws on every example, in order; as `segmented`."""
    for patient in segmented(segmenter, examples, batch_size):
        yield from patient.predictions()


def _finite(image: NDArray[np.generic]) -> bool:
    return bool(np.isfinite(image.astype(np.float32)).all())
