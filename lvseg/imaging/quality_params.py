"""`quality` in params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from lvseg.core.section import Section

Flag = Literal[
    "outside-image", "self-crossing", "too-small", "epi-not-around-endo", "off-anatomy", "several-lines",
    "ambiguous-number",
]  # fmt: skip


class QualityParams(Section):
    """The flags that keep a contoured slice out of training and out of testing."""

    drop_from_training: Annotated[tuple[Flag, ...], Field(strict=False)]
    drop_from_test: Annotated[tuple[Flag, ...], Field(strict=False)]
