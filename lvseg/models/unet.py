"""A U-Net (Ronneberger et al. 2015) on a grid of fixed spacing in mm.

The first layer halves the grid and the last one doubles it again: for the same time the levels between can be twice
as wide, which finds the ventricle far sooner (docs/unet.md).
"""

from collections.abc import Sequence
from typing import Any

from lvseg.core.backend import keras
from lvseg.imaging.structures import Structure
from lvseg.models.keras_metrics import Accuracy, Dice, SmoothedDice
from lvseg.models.normalisation import FusedBatchNormalization
from lvseg.models.targets import UNKNOWN
from lvseg.models.unet_params import UnetSettings

layers, ops = keras.layers, keras.ops

LEVELS = 5  # with the halving before them the lowest sees 32 grid points as one
_MOST = 8  # times the width: the channels of the lowest levels
_LAST_CHANNELS = 8  # between the last enlargement and the scores
_WARM_UP = 0.1  # of all steps: the first gradients are wild
_LAST_RATE = 0.01  # of the learning rate
# Of the past in the batch statistics that prediction uses: a short training must not look back to its start.
_MOMENTUM = 0.95
_NEVER = 1e9  # below any logit: of what is no alternative


def build(settings: UnetSettings, structures: Sequence[Structure] = (Structure.CAVITY,)) -> keras.Model:
    """Return the compiled network: images (batch, n, n, 1) to logits (batch, n, n, 1 + C) of background and structures.

    Any n that 32 divides is taken.
    """
    widths = [settings.width * min(2**level, _MOST) for level in range(LEVELS)]
    image = keras.Input((None, None, 1), name="image")
    x = _convolution(image, widths[0], "halve", size=4, strides=2)
    skipped = []
    for level, width in enumerate(widths):
        if level:
            skipped.append(x)
            x = layers.MaxPooling2D(2, name=f"down_{level}_pool")(x)
        x = _block(x, width, f"down_{level}")
    for level in reversed(range(LEVELS - 1)):
        x = layers.Conv2DTranspose(widths[level], 2, strides=2, name=f"up_{level}_enlarge")(x)
        x = layers.Concatenate(name=f"up_{level}_join")([x, skipped.pop()])
        x = _block(x, widths[level], f"up_{level}")
    x = layers.Conv2DTranspose(
        _LAST_CHANNELS, 4, strides=2, padding="same", activation="relu", name="double"
    )(x)
    model = keras.Model(image, layers.Conv2D(1 + len(structures), 1, name="scores")(x), name="unet")
    model.compile(
        optimizer=keras.optimizers.Adam(_schedule(settings)),
        loss=OverlapLoss(),
        metrics=[Accuracy(), Dice(), SmoothedDice()],
    )
    return model


def _block(x: Any, width: int, name: str) -> Any:
    """Return two convolutions."""
    return _convolution(_convolution(x, width, f"{name}a"), width, f"{name}b")


def _convolution(x: Any, width: int, name: str, size: int = 3, strides: int = 1) -> Any:
    """Return a convolution, normalised over the batch."""
    x = layers.Conv2D(
        width,
        size,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    x = FusedBatchNormalization(momentum=_MOMENTUM, name=f"{name}_norm")(x)
    return layers.Activation("relu", name=f"{name}_relu")(x)


def _schedule(settings: UnetSettings) -> keras.optimizers.schedules.LearningRateSchedule:
    """Return a rise to the learning rate and a cosine down to next to nothing, over the whole training."""
    steps = settings.epochs * -(-settings.images_per_epoch // settings.batch_size)
    warm = max(round(_WARM_UP * steps), 1)
    return keras.optimizers.schedules.CosineDecay(
        0.0, max(steps - warm, 1), _LAST_RATE, warmup_target=settings.learning_rate, warmup_steps=warm
    )


@keras.saving.register_keras_serializable(package="lvseg")
class OverlapLoss(keras.losses.Loss):
    """Cross-entropy per grid point plus 1 - soft Dice per image, of the structures that are known there.

    What an expert did not draw, he did not call background: where structures are unknown, a point outside the known
    ones may be background or any of them, and its probability is their sum (marginal loss, Shi et al. 2021). Masks may
    tell how far a point is covered.
    """

    def __init__(self, name: str = "overlap_loss", reduction: str = "sum_over_batch_size") -> None:
        super().__init__(name=name, reduction=reduction)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss (batch,) of masks (batch, n, n, C), `UNKNOWN` or not, and logits (batch, n, n, 1 + C)."""
        logits, masks = ops.cast(y_pred, "float32"), ops.cast(y_true, "float32")
        known, covered = ops.cast(masks > UNKNOWN, "float32"), ops.maximum(masks, 0.0)
        every = ops.logsumexp(logits, axis=-1)
        either = ops.concatenate([logits[..., :1], logits[..., 1:] - known * _NEVER], axis=-1)
        outside = ops.logsumexp(either, axis=-1) - every
        inside = logits[..., 1:] - every[..., None]
        entropy = -ops.sum(covered * inside, -1) - (1 - ops.sum(covered, -1)) * outside
        probability = ops.exp(inside)
        shared = ops.sum(probability * covered, (1, 2))
        total = ops.sum((probability + covered) * known, (1, 2))
        counted = known[:, 0, 0]
        apart = (1 - (2 * shared + 1) / (total + 1)) * counted
        return ops.mean(entropy, (1, 2)) + ops.sum(apart, -1) / ops.maximum(ops.sum(counted, -1), 1.0)
