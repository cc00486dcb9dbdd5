"""`extract` in params.yaml."""

from typing import Annotated

from pydantic import Field

from lvseg.core.section import Section


class ExtractParams(Section):
    """How the extraction runs: how many patients at the same time."""

    workers: Annotated[int, Field(ge=1, le=256)]
