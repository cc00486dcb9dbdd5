"""Normalisation over the batch in one operation where the backend has one: a training on two cores gains a tenth."""

from typing import Any

from lvseg.core.backend import keras


class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Keras' layer, which takes several operations, each through all of its memory, for what TensorFlow has in one.

    It is one where it pays: in training, on TensorFlow, in single precision. It scales, centres and normalises the last
    axis, as Keras' does unless it is told otherwise. Saved models hold Keras' own layer (`PLAIN`).
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Return what is normalised over all axes but the last, (batch, rows, columns, channels)."""
        known = keras.backend.backend() == "tensorflow" and self.compute_dtype == "float32" and mask is None
        learns = training and self.trainable
        return (
            self._in_one(inputs) if known and learns else super().call(inputs, training=training, mask=mask)
        )

    def _in_one(self, inputs: Any) -> Any:
        from lvseg.core.backend import tf

        normalised, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma,
            offset=self.beta,
            mean=self.moving_mean,
            variance=self.moving_variance,
            epsilon=self.epsilon,
            exponential_avg_factor=1.0,
            is_training=True,
        )
        count = tf.cast(tf.size(inputs) / tf.shape(inputs)[-1], tf.float32)
        # TensorFlow's estimates that of a population, Keras keeps that of the batch.
        for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance * (count - 1) / count)):
            moving.assign(moving * self.momentum + now * (1.0 - self.momentum))
        return normalised


PLAIN = {"FusedBatchNormalization": keras.layers.BatchNormalization}
