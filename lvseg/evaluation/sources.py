"""Where an evaluation reads, and which slices it takes."""

from dataclasses import dataclass
from pathlib import Path

from lvseg.data.examples import SHARDS, SPLIT, Example, Selection, select_examples
from lvseg.imaging.structures import Structure


@dataclass(frozen=True)
class Sources:
    """Where an evaluation finds what it scores: trained models, shards, and the split that names the test."""

    models: Path = Path("models")
    shards: Path = SHARDS
    split: Path = SPLIT

    def select(self, part: str, drop: tuple[str, ...]) -> Selection:
        """Return the contoured slices of one part of the split."""
        return select_examples(self.shards, self.split, part, drop)

    def everything(self, part: str) -> list[Example]:
        """Return all slices of one part of the split of which something is known, those with flags too."""
        return select_examples(self.shards, self.split, part, (), everything=True).examples

    def empty(self, part: str, drop: tuple[str, ...]) -> list[Example]:
        """Return the slices of one part of the split that are known to hold no cavity."""
        every = select_examples(self.shards, self.split, part, drop, everything=True).examples
        return [e for e in every if Structure.CAVITY in e.known and not e.cavity]
