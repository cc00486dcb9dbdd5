"""The files of a promoted model by their hashes, signed by the team where it has a key.

A weights hash says nothing of the layers between the weights, and a tag is as good as everybody who may write it. The
manifest names every byte that a prediction reads; a signature (`signature.py`) says who stands for it.
"""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lvseg.core.errors import UserError
from lvseg.core.hashes import canonical_json, file_hash
from tracking.registry.trust import signature
from tracking.registry.trust.recorded import recorded
from tracking.registry.version_tags import tags_of
from tracking.registry.versions import MODEL, number_of
from tracking.runs.store import Store

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

FILES = ("model.keras", "run.json")
MANIFEST, SIGNATURE = "lvseg.manifest", "lvseg.signature"  # tags of a version


def attest(store: Store, version: "ModelVersion", models: Path) -> None:
    """Write the manifest of a version, and sign it where this machine has a key; what is there and good stays.

    Args:
        models: the folder of the trainings here; where it holds this very model, the store must hold the same files.

    Raises:
        UserError: the store holds other files, the model cannot be fetched, or the key is of no use.
    """
    tags = tags_of(version)
    if MANIFEST in tags and not (signature.key() and SIGNATURE not in tags):
        return
    from tracking.model.package import downloaded

    with tempfile.TemporaryDirectory() as temporary:
        text = described(downloaded(recorded(tags, "model_uri"), Path(temporary)), tags)
    home = models / recorded(tags, "model")
    if _weights(home) == recorded(tags, "weights_hash") and described(home, tags) != text:
        raise UserError(
            f"the tracking store holds another model than {home}: somebody has changed it there; delete the run, and "
            "`lvseg log` logs it again"
        )
    told = {MANIFEST: text} | ({SIGNATURE: signature.sign(text)} if signature.key() else {})
    for name, value in told.items():
        store.client.set_model_version_tag(MODEL, number_of(version), name, value)


def described(folder: Path, tags: Mapping[str, str]) -> str:
    """Return the manifest of the model in a folder.

    Args:
        folder: with `FILES`.
        tags: of the version.
    """
    files = {name: file_hash(folder / name) for name in FILES}
    weights = recorded(tags, "weights_hash")
    return canonical_json({"registered_model": MODEL, "weights_hash": weights, "files": files})


def check(version: "ModelVersion", folder: Path) -> None:
    """Refuse a model that is not the one that was promoted.

    Args:
        folder: that it was fetched into.

    Raises:
        UserError: its files are others than the manifest says, or nobody whom this machine trusts has signed that.
    """
    name = f"{MODEL} v{number_of(version)}"
    manifest = version.tags.get(MANIFEST)
    if manifest is not None and described(folder, version.tags) != manifest:
        raise UserError(f"{folder} holds other files than {name} was promoted with: delete that folder")
    if signature.signers():
        if manifest is None or SIGNATURE not in version.tags:
            raise UserError(f"{name} is not signed: `lvseg promote` signs it where LVSEG_SIGNING_KEY is set")
        signature.verify(manifest, version.tags[SIGNATURE], name)


def _weights(folder: Path) -> str | None:
    """Return the weights hash that the model in a folder says of itself; None where there is none."""
    try:
        return str(json.loads((folder / "run.json").read_text(encoding="utf-8"))["weights_hash"])
    except (OSError, ValueError, KeyError):
        return None
