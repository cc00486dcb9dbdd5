"""`data` in params.yaml."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from lvseg.core.section import Section

Place = Annotated[str, Field(min_length=1)]
Word = Literal["cavity", "myocardium", "right_ventricle", "left_ventricle", "other"]


class DataParams(Section):
    """Where the raw data is, how its contours count pixels, what its labels mean, and whether ids are public."""

    raw: Place | Annotated[list[Place], Field(min_length=1)]
    first_pixel: Annotated[int, Field(ge=0, le=1)]
    ids_public: bool
    labels: Mapping[str | int, Word]

    @field_validator("raw")
    @classmethod
    def _names_differ(cls, raw: str | list[str]) -> str | list[str]:
        names = [Path(place).name.removesuffix(".zip") for place in (raw if isinstance(raw, list) else [])]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two places are called {twice}, and tables name patients by it: rename one")
        return raw

    @property
    def places(self) -> tuple[Path, ...]:
        """The places of the raw data, each a folder or an archive."""
        return tuple(Path(place) for place in (self.raw if isinstance(self.raw, list) else [self.raw]))

    @property
    def name(self) -> str:
        """What the data set is called: after its places."""
        return " + ".join(place.name for place in self.places)
