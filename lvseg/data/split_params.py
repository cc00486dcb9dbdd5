"""`split` in params.yaml."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lvseg.core.section import Fraction, Section, Seed


class SplitParams(Section):
    """How patients are divided."""

    method: Literal["auto", "official", "random"]
    seed: Seed
    validation_fraction: Fraction
    test_fraction: Fraction
    folds: Annotated[int, Field(ge=0, le=100)]
    fold: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _fold_exists(self) -> "SplitParams":
        if self.folds == 1:
            raise ValueError("folds: one fold holds nothing out; use 0 for a single split, or 2 and more")
        if self.fold >= max(self.folds, 1):
            raise ValueError(f"fold: {self.fold} is not below folds ({self.folds})")
        return self
