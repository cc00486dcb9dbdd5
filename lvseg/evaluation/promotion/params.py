"""`promotion` in params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from lvseg.core.section import Section
from lvseg.metrics.fewest import FEWEST


class PromotionParams(Section):
    """When a model becomes the one in use."""

    automatic: bool
    min_good_percent: Annotated[float, Field(ge=0, le=100)]
    max_ef_error: Annotated[float, Field(ge=0, le=100)]
    min_dice: dict[Literal["cavity", "myocardium", "right_ventricle"], Annotated[float, Field(ge=0, le=1)]]
    min_patients: Annotated[int, Field(ge=FEWEST)]
    margin: Annotated[float, Field(ge=0, le=1)]
    group_margin: Annotated[float, Field(ge=0, le=1)]
