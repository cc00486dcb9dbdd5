"""`train_unet` in params.yaml."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lvseg.core.section import Count, Section, Seed


class Augmentation(Section):
    """How far training images are changed by chance."""

    rotation_degrees: Annotated[float, Field(ge=0, le=180)]
    mirror: bool
    scale: Annotated[float, Field(ge=1, le=3)]
    shift_mm: Annotated[float, Field(ge=0, le=200)]
    elastic_mm: Annotated[float, Field(ge=0, le=20)]
    gamma: Annotated[float, Field(ge=0, le=2)]
    contrast: Annotated[float, Field(ge=0, le=2)]
    shading: Annotated[float, Field(ge=0, le=2)]
    blur_mm: Annotated[float, Field(ge=0, le=20)]
    noise: Annotated[float, Field(ge=0, le=2)]


class Closer(Section):
    """The second look, at the heart alone."""

    spacing_mm: Annotated[float, Field(ge=0.3, le=5)]
    size: Annotated[int, Field(ge=32, le=1024, multiple_of=32)]
    shift_mm: Annotated[float, Field(ge=0, le=200)]
    share: Annotated[float, Field(gt=0, lt=1)]


class UnetPreset(Section):
    """What a preset of the U-Net sets; lengths in grid points but for `spacing_mm`."""

    epochs: Count
    images_per_epoch: Count
    spacing_mm: Annotated[float, Field(ge=0.3, le=5)]
    image_size: Annotated[int, Field(ge=32, le=1024, multiple_of=32)]
    crop: Annotated[int, Field(ge=32, le=1024, multiple_of=32)]
    width: Annotated[int, Field(ge=8, le=512, multiple_of=8)]
    views: Annotated[int, Field(ge=1, le=8)]
    learn_from_validation: bool

    @model_validator(mode="after")
    def _crop_fits(self) -> "UnetPreset":
        if self.crop > self.image_size:
            raise ValueError(f"crop: {self.crop} is above image_size ({self.image_size})")
        return self


class UnetSettings(UnetPreset):
    """One training of the U-Net."""

    batch_size: Count
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    augmentation: Augmentation
    closer: Closer
    seed: Seed
    threads: Annotated[int, Field(ge=1, le=256)]


class UnetParams(Section):
    """The U-Net: the preset in use, the presets, and what they share."""

    preset: Literal["fast", "full"]
    fast: UnetPreset
    full: UnetPreset
    batch_size: Count
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    augmentation: Augmentation
    closer: Closer
    seed: Seed
    threads: Annotated[int, Field(ge=1, le=256)]

    def chosen(self) -> UnetSettings:
        """Return the preset in use together with what all presets share."""
        shared = self.model_dump(exclude={"preset", "fast", "full"})
        return UnetSettings(**getattr(self, self.preset).model_dump(), **shared)
