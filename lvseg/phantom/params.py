"""`phantom` in params.yaml."""

from typing import Annotated

from pydantic import Field

from lvseg.core.section import Section, Seed


class PhantomParams(Section):
    """Size and seed of the synthetic data set."""

    seed: Seed
    patients: Annotated[int, Field(ge=1, le=999)]
    slices: Annotated[int, Field(ge=1, le=40)]
    phases: Annotated[int, Field(ge=2, le=100)]
    matrix: Annotated[int, Field(ge=64, le=1024)]
