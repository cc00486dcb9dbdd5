"""`params.yaml`, validated as a whole: types, ranges, unknown keys."""

import difflib
import re
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lvseg.errors import UserError

Flag = Literal["outside-image", "self-crossing", "too-small", "epi-not-around-endo", "off-anatomy"]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """A frozen group of parameters that knows no other keys and converts no types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class DataParams(Section):
    """Where the raw data is, how its contours count pixels, and whether its patient ids are public."""

    raw: Annotated[str, Field(min_length=1)]
    first_pixel: Annotated[int, Field(ge=0, le=1)]
    ids_public: bool


class PhantomParams(Section):
    """Size and seed of the synthetic data set."""

    seed: Seed
    patients: Annotated[int, Field(ge=1, le=999)]
    slices: Annotated[int, Field(ge=1, le=40)]
    phases: Annotated[int, Field(ge=2, le=100)]
    matrix: Annotated[int, Field(ge=64, le=1024)]


class ExtractParams(Section):
    """How the extraction runs."""

    workers: Annotated[int, Field(ge=1, le=256)]


class QualityParams(Section):
    """The flags that keep a contoured slice out of training and out of testing."""

    drop_from_training: Annotated[tuple[Flag, ...], Field(strict=False)]
    drop_from_test: Annotated[tuple[Flag, ...], Field(strict=False)]


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


class TrainParams(Section):
    """One training of one network."""

    epochs: Count
    batch_size: Count
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    image_size: Annotated[int, Field(ge=16, le=1024, multiple_of=16)]
    seed: Seed
    threads: Annotated[int, Field(ge=1, le=256)]
    as_published: bool


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
    seed: Seed
    threads: Annotated[int, Field(ge=1, le=256)]

    def chosen(self) -> UnetSettings:
        """Return the preset in use together with what all presets share."""
        shared = self.model_dump(exclude={"preset", "fast", "full"})
        return UnetSettings(**getattr(self, self.preset).model_dump(), **shared)


class EvaluateParams(Section):
    """What the evaluation draws, and how it predicts: images at once, threads of one operation."""

    overlays: Annotated[int, Field(ge=0, le=50)]
    batch_size: Count
    threads: Annotated[int, Field(ge=1, le=256)]


class TrackingParams(Section):
    """Where runs are recorded."""

    experiment: Annotated[str, Field(min_length=1)]
    required: bool


class PromotionParams(Section):
    """When a model becomes the one in use."""

    automatic: bool
    min_good_percent: Annotated[float, Field(ge=0, le=100)]
    max_ef_error: Annotated[float, Field(ge=0, le=100)]
    margin: Annotated[float, Field(ge=0, le=1)]
    group_margin: Annotated[float, Field(ge=0, le=1)]


class Params(Section):
    """The whole of `params.yaml`."""

    data: DataParams
    phantom: PhantomParams
    extract: ExtractParams
    quality: QualityParams
    split: SplitParams
    train_dense: TrainParams
    train_cnn: TrainParams
    train_unet: UnetParams
    evaluate: EvaluateParams
    tracking: TrackingParams
    promotion: PromotionParams


def load(path: Path = Path("params.yaml")) -> Params:
    """Read and validate `path`.

    Raises:
        UserError: the file is missing or not YAML, or a key is unknown, missing, of the wrong type or out of
            range; the message names every such key, and the nearest valid one for an unknown key.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run from the root of the repository") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{path}: " + "; ".join(_explain(fault) for fault in error.errors())) from None


class _Loader(yaml.SafeLoader):
    """YAML's safe loader that also reads 1e-3 as a number, as DVC does (YAML 1.2)."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def _explain(fault: Any) -> str:
    """Return one fault of a validation in words."""
    place = [str(part) for part in fault["loc"]]
    key = ".".join(place) or "the file"
    if fault["type"] == "extra_forbidden":
        valid = _keys(place[:-1])
        near = difflib.get_close_matches(place[-1], valid, n=1, cutoff=0.5)
        hint = (
            f"did you mean {'.'.join([*place[:-1], near[0]])}?" if near else f"valid keys: {', '.join(valid)}"
        )
        return f"{key} is not a parameter; {hint}"
    if fault["type"] == "missing":
        return f"{key} is missing"
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "value_error":
        return f"{key}.{message}" if place else message
    return f"{key} = {fault['input']!r}: {message[0].lower()}{message[1:]}"


def _keys(place: list[str]) -> list[str]:
    """Return the valid keys of the section at `place`."""
    model: type[BaseModel] = Params
    for part in place:
        annotation = model.model_fields[part].annotation
        model = annotation if isinstance(annotation, type) else get_args(annotation)[0]
    return list(model.model_fields)
