"""What a version says of where it comes from: a few tags that people look for, the rest in one.

The pages show every tag of a version in one list: with all tags of its run nobody finds the commit. What concerns the
run alone, such as its process, stays there.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from lvseg.core.errors import UserError

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

ORIGIN = "lvseg.origin"  # JSON: by name without `lvseg.`
_SHOWN = ("model", "data", "fingerprint", "weights_hash", "git_commit", "test_hash")
_KEPT = (
    "stage", "git_dirty", "shards_hash", "split_hash", "code_hash", "dvc.raw", "dvc.shards", "dvc.split", "device",
    "flow_run", "synthetic", "model_uri",
)  # fmt: skip


def version_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags of a version, given those of its run."""
    shown = {f"lvseg.{name}": tags[f"lvseg.{name}"] for name in _SHOWN if f"lvseg.{name}" in tags}
    kept = {name: tags[f"lvseg.{name}"] for name in _KEPT if f"lvseg.{name}" in tags}
    return shown | {ORIGIN: json.dumps(kept, sort_keys=True)}


def tags_of(version: "ModelVersion") -> dict[str, str]:
    """Return what a version says, by the names that the tags have on its run; see `recorded` for what to believe of it.

    Versions of old have a tag for each.

    Raises:
        UserError: the tag that holds several is damaged.
    """
    try:
        kept = dict(json.loads(version.tags.get(ORIGIN, "{}")))
    except (ValueError, TypeError):
        raise UserError(
            f"the tracking store holds a damaged {ORIGIN} in v{version.version}: bring back a backup of the store"
        ) from None
    shown = {name: value for name, value in version.tags.items() if name != ORIGIN}
    return shown | {f"lvseg.{name}": str(value) for name, value in kept.items()}
