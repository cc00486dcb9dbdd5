"""Examples as `tf.data` batches: read, normalised and put on the grid as they are needed, never all in memory."""

from functools import lru_cache

import numpy as np

from lvseg import device  # noqa: F401  isort: skip  (before TensorFlow: it silences the start-up notes)
import tensorflow as tf

from lvseg import grid, shards
from lvseg.dataset import Example
from lvseg.errors import UserError

_OPEN_SHARDS = 64  # files kept open; their pixels are mapped, not loaded


class Batches:
    """The examples of one part, ready for `keras.Model.fit`.

    Attributes:
        failure: why the last data set ended early, or None. TensorFlow turns whatever is raised while it
            reads into an error of its own, so the reader's words are kept here.
    """

    def __init__(self, examples: list[Example], size: int, batch_size: int) -> None:
        self._examples = examples
        self._size = size
        self._batch_size = batch_size
        self._shard = lru_cache(_OPEN_SHARDS)(shards.read)  # opening one takes longer than preparing an image
        self.failure: UserError | None = None

    def __len__(self) -> int:
        return len(self._examples)

    def in_order(self) -> tf.data.Dataset:
        """Return images (batch, size, size, 1) float32 and masks (batch, size, size) uint8, in list order."""
        return self._dataset(np.arange(len(self._examples)))

    def shuffled(self, seed: int, epoch: int) -> tf.data.Dataset:
        """Return the batches of one epoch, in an order that follows from (seed, epoch) and nothing else."""
        return self._dataset(np.random.default_rng([seed, epoch]).permutation(len(self._examples)))

    def _dataset(self, order: np.ndarray) -> tf.data.Dataset:
        """Return the examples in the given order; the last batch may be smaller."""
        parts = [order[start : start + self._batch_size] for start in range(0, len(order), self._batch_size)]
        signature = (
            tf.TensorSpec((None, self._size, self._size, 1), tf.float32),
            tf.TensorSpec((None, self._size, self._size), tf.uint8),
        )
        # Whole batches: handing over a single example costs three times as much as preparing it.
        data = tf.data.Dataset.from_generator(lambda: map(self._batch, parts), output_signature=signature)
        options = tf.data.Options()
        # Else the reader waits for the one thread that is busy with the training step.
        options.threading.private_threadpool_size = 1
        data = data.apply(tf.data.experimental.assert_cardinality(len(parts)))
        return data.prefetch(2).with_options(options)

    def _batch(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the images and masks of some examples; keep the reason if one cannot be read."""
        images, masks = zip(*(self._prepared(self._examples[index]) for index in indices), strict=True)
        return np.stack(images), np.stack(masks)

    def _prepared(self, example: Example) -> tuple[np.ndarray, np.ndarray]:
        """Return one image and mask on the grid."""
        try:
            shard = self._shard(example.shard)
            image = grid.model_input(shard.pixels[example.frame], self._size)
            return image, grid.model_mask(shard.endo[example.mask], self._size)
        except UserError as error:
            self.failure = error
            raise
        except ValueError as error:
            self.failure = UserError(f"{example.shard}, frame {example.frame}: {error}")
            raise self.failure from None
