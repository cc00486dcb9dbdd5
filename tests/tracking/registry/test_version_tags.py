"""A version of the registered model shows a few tags, and says all that its run said."""

from types import SimpleNamespace
from typing import Any

import pytest

from lvseg.core.errors import UserError
from tracking.registry.version_tags import ORIGIN, tags_of, version_tags

ALL = (
    "model", "data", "fingerprint", "weights_hash", "git_commit", "test_hash", "stage", "git_dirty", "shards_hash",
    "split_hash", "code_hash", "dvc.raw", "dvc.shards", "dvc.split", "device", "flow_run", "synthetic", "model_uri",
)  # fmt: skip


def version(**tags: str) -> Any:
    return SimpleNamespace(tags=tags, version="3")


def test_seven_tags_hold_eighteen() -> None:
    of_run = {f"lvseg.{name}": f"<{name}>" for name in ALL}
    made = version_tags(of_run | {"mlflow.user": "somebody"})
    assert len(made) == 7 and made["lvseg.weights_hash"] == "<weights_hash>"
    assert tags_of(version(**made)) == of_run


def test_a_damaged_tag_is_named_with_the_remedy() -> None:
    with pytest.raises(UserError, match=rf"damaged {ORIGIN} in v3: bring back a backup"):
        tags_of(version(**{ORIGIN: "{"}))
