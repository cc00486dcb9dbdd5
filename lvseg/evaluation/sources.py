"""Where an evaluation reads, and which slices it takes."""

from dataclasses import dataclass
from pathlib import Path

from lvseg.data.examples import SHARDS, SPLIT, Example, Selection, select_examples


@dataclass(frozen=True)
class Sources:
    """Where an evaluation reads."""

    models: Path = Path("models")
    shards: Path = SHARDS
    split: Path = SPLIT

    def select(self, part: str, drop: tuple[str, ...]) -> Selection:
        """Return the contoured slices of one part of the split."""
        return select_examples(self.shards, self.split, part, drop)

    def empty(self, part: str, drop: tuple[str, ...]) -> list[Example]:
        """Return the slices of one part of the split that are known to hold no ventricle."""
        every = select_examples(self.shards, self.split, part, drop, empty=True).examples
        return [example for example in every if example.mask is None]
