"""`evaluate` in params.yaml."""

from typing import Annotated

from pydantic import Field

from lvseg.core.section import Count, Section


class EvaluateParams(Section):
    """What the evaluation draws, and how it predicts: images at once, threads of one operation."""

    overlays: Annotated[int, Field(ge=0, le=50)]
    batch_size: Count
    threads: Annotated[int, Field(ge=1, le=256)]
