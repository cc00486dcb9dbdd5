"""`params.yaml`, validated as a whole: types, ranges, unknown keys. Each section stands beside its stage."""

import difflib
import re
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from lvseg.core.errors import UserError
from lvseg.core.section import Section
from lvseg.data.params import DataParams
from lvseg.data.parts.split_params import SplitParams
from lvseg.evaluation.params import EvaluateParams
from lvseg.evaluation.promotion.params import PromotionParams
from lvseg.extraction.params import ExtractParams
from lvseg.imaging.quality_params import QualityParams
from lvseg.models.article_params import TrainParams
from lvseg.models.unet_params import UnetParams
from lvseg.params.tracking import TrackingParams
from lvseg.phantom.params import PhantomParams
from lvseg.report.params import ReportParams


class Params(Section):
    """The whole of `params.yaml`, each section checked."""

    data: DataParams
    phantom: PhantomParams
    extract: ExtractParams
    quality: QualityParams
    split: SplitParams
    train_dense: TrainParams
    train_cnn: TrainParams
    train_unet: UnetParams
    evaluate: EvaluateParams
    report: ReportParams
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
