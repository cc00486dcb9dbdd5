"""`evaluate` in params.yaml."""

from typing import Annotated

from pydantic import Field

from lvseg.core.section import Count, Section


class EvaluateParams(Section):
    """How the evaluation predicts: images at once, threads of one operation."""

    batch_size: Count
    threads: Annotated[int, Field(ge=1, le=256)]
