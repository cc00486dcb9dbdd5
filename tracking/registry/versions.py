"""The registered model: its versions, and the two of them that bear a name."""

import re
from typing import TYPE_CHECKING

from lvseg.core.errors import UserError
from tracking.runs.store import Store

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

MODEL = "lv-segmentation"
CHAMPION = "champion"  # in use
CHALLENGER = "challenger"  # the newest candidate
DECISION = "lvseg.decision"  # tag of a version: JSON


def version_of(store: Store, text: str) -> "ModelVersion":
    """Return the version that a person means by its number (with or without `v`) or its alias.

    Raises:
        UserError: there is none.
    """
    from mlflow.exceptions import MlflowException

    number = re.fullmatch(r"v?(\d+)", text)
    try:
        if number:
            return store.client.get_model_version(MODEL, number[1])
        return store.client.get_model_version_by_alias(MODEL, text)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
    raise UserError(
        f"{MODEL} has no version {text}: give its number or an alias ({CHAMPION}, {CHALLENGER}); "
        "`lvseg promote` registers one"
    )


def number_of(version: "ModelVersion") -> str:
    """Return the number of a version: a server says it as text, a database as an integer."""
    return str(version.version)


def alias_of(store: Store, alias: str) -> "ModelVersion | None":
    """Return the version that bears an alias, or None."""
    try:
        return version_of(store, alias)
    except UserError:
        return None


def versions(store: Store) -> "list[ModelVersion]":
    """Return all versions, oldest first."""
    registered = store.client.search_model_versions(f"name = '{MODEL}'", max_results=10_000)
    return sorted(registered, key=lambda version: int(version.version))
