"""Examples as batches: read, shown as a network wants them and stacked as they are needed, never all in memory."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lvseg.core.backend import keras
from lvseg.core.errors import UserError
from lvseg.data import shards
from lvseg.data.examples import Example
from lvseg.imaging.structures import Structure
from lvseg.models.targets import UNKNOWN
from lvseg.training.views import DrawnSlice, ImageAndMasks, View

_OPEN_SHARDS = 64  # files kept open; their pixels are mapped, not loaded
_THREADS = 2  # that prepare batches while the network learns; more than one makes Keras prepare ahead at all


class Batches:
    """The examples of one part, ready for `keras.Model.fit` on any backend.

    Attributes:
        failure: why the last batches ended early, or None. TensorFlow turns whatever is raised while it
            reads into an error of its own, so the reader's words are kept here.
    """

    def __init__(
        self,
        examples: list[Example],
        view: View,
        batch_size: int,
        per_epoch: int | None = None,
        structures: tuple[Structure, ...] = (Structure.CAVITY,),
    ) -> None:
        """Take examples for epochs of `per_epoch` images; by default each comes once in an epoch.

        The masks (batch, size, size, C) have a channel for each of C structures, `UNKNOWN` throughout where nothing is
        known of it.
        """
        self._examples = examples
        self._structures = structures
        self._view = view
        self._batch_size = batch_size
        self._per_epoch = per_epoch or len(examples)
        self._shard = lru_cache(_OPEN_SHARDS)(shards.read)  # opening one takes longer than preparing an image
        self._hearts = lru_cache(maxsize=None)(lambda path: _hearts(self._shard(path)))
        self.failure: UserError | None = None

    def __len__(self) -> int:
        return len(self._examples)

    def in_order(self) -> keras.utils.PyDataset:
        """Return images (batch, size, size, 1) and masks (batch, size, size, C), both float32, in list order."""
        return _Epoch(self, np.arange(len(self._examples)), (0, 0))

    def shuffled(self, seed: int, epoch: int) -> keras.utils.PyDataset:
        """Return the batches of one epoch (from 1), which follow from (seed, epoch) and nothing else.

        All examples come once before any comes again, across epochs too.
        """
        count = len(self._examples)
        first = (epoch - 1) * self._per_epoch
        rounds = range(first // count, (first + self._per_epoch - 1) // count + 1)
        order = np.concatenate(
            [np.random.default_rng([seed, number + 1]).permutation(count) for number in rounds]
        )
        start = first - rounds[0] * count
        return _Epoch(self, order[start : start + self._per_epoch], (seed, epoch))

    def batch(self, indices: NDArray[np.int64], first: int, key: tuple[int, int]) -> ImageAndMasks:
        """Return the images and masks of some examples; keep the reason if one cannot be read.

        Args:
            indices: of the examples.
            first: place of the first of them in the epoch.
            key: seed and epoch; with the place they are the source of all chance.
        """
        pairs = [
            self._prepared(self._examples[index], np.random.default_rng([*key, first + place]))
            for place, index in enumerate(indices)
        ]
        images, masks = zip(*pairs, strict=True)
        return np.stack(images), np.stack(masks)

    @property
    def batch_size(self) -> int:
        """Images in a batch; the last of an epoch may have fewer."""
        return self._batch_size

    def _prepared(self, example: Example, rng: np.random.Generator) -> ImageAndMasks:
        """Return one image and its masks as the network is shown them."""
        try:
            shard = self._shard(example.shard)
            pixels = np.asarray(shard.pixels[example.frame])
            drawn = [
                np.zeros(pixels.shape, np.uint8)
                if example.mask is None
                else shard.mask(example.mask, structure)
                for structure in self._structures
            ]
            heart = self._hearts(example.shard)[example.frame]
            image, masks = self._view(DrawnSlice(pixels, np.stack(drawn), shard.spacing, heart), rng)
            masks[..., [structure not in example.known for structure in self._structures]] = UNKNOWN
            return image, masks
        except UserError as error:
            self.failure = error
            raise
        except ValueError as error:
            self.failure = UserError(f"{example.shard}, frame {example.frame}: {error}")
            raise self.failure from None


def _hearts(shard: shards.Shard) -> NDArray[np.float64]:
    """Return row and column of the middle of the heart on each frame (N, 2), as a second look finds it.

    It is the middle of all cavities that are drawn of the patient, or else of all else, or of the image, wherever his
    slices are turned or moved to.
    """
    space, slices = shard.space, shard.order
    for drawn in (shard.labels == Structure.CAVITY, np.asarray(shard.labels) > 0):
        middles = {
            int(frame): np.array(ndimage.center_of_mass(of_frame))
            for frame, of_frame in zip(shard.label_frame, drawn, strict=True)
            if of_frame.any()
        }
        if middles:
            break
    else:
        middles = {0: space.middle}
    if space.placements is None:
        return np.tile(np.mean(list(middles.values()), axis=0), (len(slices), 1))
    on_first = [space.on_first(slices[frame], point[np.newaxis]) for frame, point in middles.items()]
    centre = np.concatenate(on_first).mean(axis=0)
    return np.array([space.from_first(slice_, centre) for slice_ in slices])


class _Epoch(keras.utils.PyDataset):
    """The batches of one epoch, made ahead by threads, in a fixed order."""

    def __init__(self, source: Batches, order: NDArray[np.int64], key: tuple[int, int]) -> None:
        super().__init__(workers=_THREADS, use_multiprocessing=False, max_queue_size=4)
        self._source, self._order, self._key = source, order, key

    def __len__(self) -> int:
        return -(-len(self._order) // self._source.batch_size)

    def __getitem__(self, number: int) -> ImageAndMasks:
        first = number * self._source.batch_size
        return self._source.batch(self._order[first : first + self._source.batch_size], first, self._key)
