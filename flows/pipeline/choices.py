"""What can be chosen in the forms of Prefect's pages: a list to choose from in place of an empty line."""

from typing import Annotated

import yaml
from pydantic import Field

from lvseg.core.paths.places import ROOT


def _stages() -> list[str]:
    """Return the names of the stages, in the order of dvc.yaml."""
    return list(yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"])


# For the form alone: another revision may have other stages, and the flow itself says better what it cannot take.
Stage = Annotated[str, Field(json_schema_extra={"enum": _stages()})]
