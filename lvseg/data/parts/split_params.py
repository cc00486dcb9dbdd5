"""`split` in params.yaml."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lvseg.core.section import Fraction, Section, Seed


class SplitParams(Section):
    """How patients are divided into train, validation and test."""

    method: Literal["auto", "official", "random", "by_source"]
    seed: Seed
    validation_fraction: Fraction
    test_fraction: Fraction
    folds: Annotated[int, Field(ge=0, le=100)]
    fold: Annotated[int, Field(ge=0)]
    train_on: list[str]
    test_on: list[str]

    @model_validator(mode="after")
    def _fold_exists(self) -> "SplitParams":
        if self.folds == 1:
            raise ValueError("folds: one fold holds nothing out; use 0 for a single split, or 2 and more")
        if self.fold >= max(self.folds, 1):
            raise ValueError(f"fold: {self.fold} is not below folds ({self.folds})")
        return self

    @model_validator(mode="after")
    def _sources_are_named(self) -> "SplitParams":
        if self.method != "by_source":
            return self
        for key in ("train_on", "test_on"):
            if not getattr(self, key):
                raise ValueError(f"{key}: by_source needs the names of places, such as [sunnybrook]")
        both = sorted(set(self.train_on) & set(self.test_on))
        if both:
            raise ValueError(f"test_on: {both[0]} is in train_on as well: a patient is in one part only")
        return self
