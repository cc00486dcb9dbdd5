"""`report` in params.yaml."""

from typing import Annotated

from pydantic import Field

from lvseg.core.section import Section


class ReportParams(Section):
    """What the report draws: how many slices of each rank."""

    overlays: Annotated[int, Field(ge=0, le=50)]
