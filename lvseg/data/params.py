"""`data` in params.yaml."""

from typing import Annotated

from pydantic import Field

from lvseg.core.section import Section


class DataParams(Section):
    """Where the raw data is, how its contours count pixels, and whether its patient ids are public."""

    raw: Annotated[str, Field(min_length=1)]
    first_pixel: Annotated[int, Field(ge=0, le=1)]
    ids_public: bool
