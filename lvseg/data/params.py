"""`data` in params.yaml."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from lvseg.core.section import Section

Word = Literal["cavity", "myocardium", "right_ventricle", "left_ventricle", "other"]


class DataParams(Section):
    """Where the raw data is, how its contours count pixels, what its labels mean, and whether ids are public."""

    raw: str | list[str]
    first_pixel: Annotated[int, Field(ge=0, le=1)]
    ids_public: bool
    labels: Mapping[str | int, Word]

    @model_validator(mode="before")
    @classmethod
    def _places_are_named(cls, content: Any) -> Any:
        raw = content.get("raw", "") if isinstance(content, dict) else ""
        places = raw if isinstance(raw, list) else [raw]
        if "raw" in content and not (places and all(isinstance(place, str) and place for place in places)):
            raise ValueError(f"raw: {raw!r} is neither a place nor a list of places")
        names = [Path(place).name.removesuffix(".zip") for place in places]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(
                f"raw: two places are called {twice}, and tables name patients by it: rename one"
            )
        return content

    @property
    def places(self) -> tuple[Path, ...]:
        """The places of the raw data, each a folder or an archive."""
        return tuple(Path(place) for place in (self.raw if isinstance(self.raw, list) else [self.raw]))

    @property
    def name(self) -> str:
        """What the data set is called: after its places."""
        return " + ".join(place.name for place in self.places)
