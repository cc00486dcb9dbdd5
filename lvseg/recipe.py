"""What sets one network's training apart from another's."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

from lvseg.dataset import Example
from lvseg.params import Params

if TYPE_CHECKING:
    import keras

    from lvseg.batches import Batches


class Settings(Protocol):
    """What every training is told."""

    @property
    def epochs(self) -> int:
        """How many."""

    @property
    def seed(self) -> int:
        """Of first weights, order and augmentation."""

    @property
    def threads(self) -> int:
        """Of one operation."""


@dataclass(frozen=True)
class Asked:
    """How a trained network is asked: what `run.json` tells whoever predicts with it; see `Segmenter`."""

    size: int
    spacing_mm: float | None
    views: int
    one_region: bool


@dataclass(frozen=True)
class Recipe:
    """One network and how it is trained.

    Attributes:
        name: of the model, such as `cnn`; its stage is `train-cnn`, its parameters are in `train_cnn`.
        settings: returns its settings from all parameters.
        build: returns the compiled network; all its randomness follows from the settings' seed.
        learn: returns the batches to learn from.
        validate: returns the batches to measure after each epoch.
        asked: how the network is asked once it is trained.
        learns_empty: whether it also learns from slices that are known to hold no ventricle.
        learns_from_validation: whether it learns from the validation patients as well.
    """

    name: str
    settings: Callable[[Params], Any]
    build: Callable[[Any], "keras.Model"]
    learn: Callable[[list[Example], Any], "Batches"]
    validate: Callable[[list[Example], Any], "Batches"]
    asked: Callable[[Any], Asked]
    learns_empty: bool = False
    learns_from_validation: Callable[[Any], bool] = lambda settings: False

    @property
    def stage(self) -> str:
        """Name of the stage in dvc.yaml."""
        return f"train-{self.name}"

    @property
    def section(self) -> str:
        """Name of its parameters in params.yaml, and of its module in `tasks`."""
        return f"train_{self.name}"

    def prediction(self, settings: Any) -> dict[str, Any]:
        """Return `prediction` of `run.json`."""
        return asdict(self.asked(settings))
