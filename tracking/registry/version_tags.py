"""What a version says of where it comes from: a few tags that people look for, the rest in one.

The pages show every tag of a version in one list: with all tags of its run nobody finds the commit. What concerns the
run alone, such as its process, stays there.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

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


def recorded(version: "ModelVersion") -> dict[str, str]:
    """Return what a version says, by the names that the tags have on its run.

    Versions of old have a tag for each.
    """
    kept = json.loads(version.tags.get(ORIGIN, "{}"))
    shown = {name: value for name, value in version.tags.items() if name != ORIGIN}
    return shown | {f"lvseg.{name}": value for name, value in kept.items()}
