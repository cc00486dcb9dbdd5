"""The registered model that predictions are made with, kept on this machine once it was fetched."""

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lvseg.core.errors import UserError
from lvseg.core.files import atomic_path
from lvseg.core.places import state_home
from tracking.registry.living_run import has_model, living_run
from tracking.registry.versions import CHAMPION, MODEL, number_of, version_of
from tracking.runs.required import required_store
from tracking.runs.store import reason

_FOLDER = "name the folder of a model: `--model models/unet`"
_GET_ONE = f"`make repro` and `lvseg promote` make one; or {_FOLDER}"


@dataclass(frozen=True)
class Fetched:
    """A registered model on this machine.

    Attributes:
        folder: with `model.keras` and `run.json`.
        version: such as `v3`.
    """

    folder: Path
    version: str


def fetched(wanted: str = CHAMPION) -> Fetched:
    """Return a version of the registered model, downloaded unless this machine has its weights already.

    Args:
        wanted: number or alias.

    Raises:
        UserError: the tracking store is out of reach, or has no such version.
    """
    try:
        store = required_store()
    except UserError as error:
        raise UserError(f"{error}; or {_FOLDER}") from None
    try:
        version = version_of(store, wanted)
    except UserError:
        raise UserError(f"{MODEL} has no {wanted}: {_GET_ONE}") from None
    weights = version.tags.get("lvseg.weights_hash", "")
    home = state_home() / "models" / (weights or f"{MODEL}-{number_of(version)}")
    if not (home / "run.json").is_file():
        from tracking.model.package import downloaded

        with tempfile.TemporaryDirectory() as temporary, atomic_path(home) as folder:
            source = version.source
            if not has_model(store, version) and (run := living_run(store, version)):
                source = run.data.tags.get("lvseg.model_uri", source)  # the same model, logged once more
            try:
                shutil.copytree(downloaded(source, Path(temporary)), folder)
            except Exception as error:
                wanted = f"{MODEL} v{number_of(version)}"
                raise UserError(f"{wanted} cannot be fetched ({reason(error)}); {_GET_ONE}") from None
    if json.loads((home / "run.json").read_text(encoding="utf-8"))["weights_hash"] != weights:
        raise UserError(f"{home} holds another model than {MODEL} v{number_of(version)}: delete that folder")
    return Fetched(home, f"v{number_of(version)}")
