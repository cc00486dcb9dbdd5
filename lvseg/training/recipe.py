"""What sets one network's training apart from another's."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from lvseg.data.examples import Example, known_structures
from lvseg.imaging.grid import Grid
from lvseg.imaging.structures import Structure

if TYPE_CHECKING:
    import keras

    from lvseg.params import Params
    from lvseg.training.batches import Batches


Structures = tuple[Structure, ...]


class Settings(Protocol):
    """What every training is told."""

    @property
    def epochs(self) -> int:
        """The number of epochs that are trained."""

    @property
    def seed(self) -> int:
        """Seed of the first weights, the order of examples and the augmentation."""

    @property
    def threads(self) -> int:
        """Number of threads of one operation: sums are split by it, so it changes the weights."""


@dataclass(frozen=True)
class PredictionSettings:
    """What `run.json` tells whoever predicts with a trained network; see `lvseg.inference.segmenter.Segmenter`.

    Attributes:
        size: rows and columns of the square that the network looks at, in grid points.
        spacing_mm: of the grid; None where images are scaled to fit.
        views: how many turned and mirrored views of a frame are averaged.
        one_region: whether one connected region is kept, without holes.
        structures: what the network tells from the background, in the order of its logits.
        closer: the square of its second look; None where it looks once.
    """

    size: int
    spacing_mm: float | None
    views: int
    one_region: bool
    structures: tuple[str, ...]
    closer: Grid | None = None


@dataclass(frozen=True)
class Recipe:
    """One network and how it is trained.

    Attributes:
        name: of the model, such as `cnn`; its stage is `train-cnn`, its parameters are in `train_cnn`.
        settings: returns its settings from all parameters.
        build: returns the compiled network for some structures; all its randomness follows from the settings' seed.
        learn: returns the batches to learn from.
        validate: returns the batches to measure after each epoch.
        prediction: returns what prediction with the trained network needs.
        learns_everything: whether it learns all structures that were drawn, and from slices without a cavity too; if
            not, it learns the cavity where there is one.
        learns_from_validation: whether it learns from the validation patients as well.
    """

    name: str
    settings: Callable[["Params"], Any]
    build: Callable[[Any, Structures], "keras.Model"]
    learn: Callable[[list[Example], Any, Structures], "Batches"]
    validate: Callable[[list[Example], Any, Structures], "Batches"]
    prediction: Callable[[Any, Structures], PredictionSettings]
    learns_everything: bool = False
    learns_from_validation: Callable[[Any], bool] = lambda settings: False

    def structures(self, examples: list[Example]) -> Structures:
        """Return what a network that learns from these slices can tell from the background."""
        return known_structures(examples) if self.learns_everything else (Structure.CAVITY,)

    @property
    def stage(self) -> str:
        """Name of the stage in dvc.yaml."""
        return f"train-{self.name}"

    @property
    def section(self) -> str:
        """Name of its parameters in params.yaml, and of its module in `tasks`."""
        return f"train_{self.name}"
