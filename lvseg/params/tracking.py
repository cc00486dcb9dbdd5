"""`tracking` in params.yaml."""

from typing import Annotated

from pydantic import Field

from lvseg.core.section import Section


class TrackingParams(Section):
    """Where runs are recorded, and whether a training needs the server."""

    experiment: Annotated[str, Field(min_length=1)]
    required: bool
