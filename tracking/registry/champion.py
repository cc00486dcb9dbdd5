"""The registered model that predictions are made with, kept on this machine once it was fetched."""

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lvseg.core.errors import UserError
from lvseg.core.paths.files import atomic_path
from lvseg.core.paths.places import state_home
from lvseg.core.plural import counted
from lvseg.studies.analysis.result import KnownError
from tracking.registry.living_run import required_run
from tracking.registry.trust import manifest
from tracking.registry.trust.recorded import recorded
from tracking.registry.versions import CHAMPION, MODEL, number_of, version_of
from tracking.runs.required import required_store
from tracking.runs.store import Store, reason

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

_TEST = "test"  # what names of metrics of an evaluation begin with
_FOLDER = "name the folder of a model: `--model models/unet`"
_GET_ONE = f"`make repro` and `lvseg promote` make one; or {_FOLDER}"


class NoSuchVersionError(UserError):
    """The registry has no such version of the model."""


@dataclass(frozen=True)
class Fetched:
    """A registered model on this machine.

    Attributes:
        folder: with `model.keras` and `run.json`.
        version: such as `v3`.
        tested: on how many patients it was tested, and how far its ejection fraction was off, in words.
        errors: how far its measures were off there.
    """

    folder: Path
    version: str
    tested: str = ""
    errors: tuple[KnownError, ...] = ()


def fetched(wanted: str = CHAMPION) -> Fetched:
    """Return a version of the registered model, downloaded unless this machine has its weights already.

    Args:
        wanted: number or alias.

    Raises:
        NoSuchVersionError: there is no such version.
        UserError: the tracking store is out of reach, or the version is not what was registered.
    """
    try:
        store = required_store()
    except UserError as error:
        raise UserError(f"{error}; or {_FOLDER}") from None
    try:
        version = version_of(store, wanted)
    except UserError:
        raise NoSuchVersionError(f"{MODEL} has no {wanted}: {_GET_ONE}") from None
    name = f"{MODEL} v{number_of(version)}"
    weights, source = recorded(version.tags, "weights_hash"), _source(store, version)
    home = state_home() / "models" / weights
    if not (home / "run.json").is_file():
        from tracking.model.package import downloaded

        with tempfile.TemporaryDirectory() as temporary, atomic_path(home) as folder:
            try:
                files = downloaded(source, Path(temporary))
                folder.mkdir()
                for file in manifest.FILES:
                    shutil.copyfile(files / file, folder / file)
            except Exception as error:
                raise UserError(f"{name} cannot be fetched ({reason(error)}); {_GET_ONE}") from None
            _check(version, folder, weights)
    _check(version, home, weights)
    return Fetched(home, f"v{number_of(version)}", _tested(store, version), _errors(store, version))


def _tested(store: Store, version: "ModelVersion") -> str:
    """Return how a version did on the patients that its run was evaluated on; nothing where that is not known."""
    from lvseg.evaluation.summaries import clinical
    from tracking.scores.results import result_of

    try:
        patients = result_of(store, required_run(store, version)).patients
    except UserError:
        return ""
    off, count = clinical(patients).agreements["ef_percent"], len(patients)
    unseen = f"{counted(count, 'patient')} it had not seen"
    if not off.patients:
        return f"tested on {unseen}, none of whom has an ejection fraction"
    known = "" if off.patients == count else f" ({off.patients} of {count})"
    return (
        f"on {unseen} its EF was {off.mean_absolute:.1f} points off on average{known}, bias {off.bias:+.1f}"
    )


def _errors(store: Store, version: "ModelVersion") -> tuple[KnownError, ...]:
    """Return how far the measures of a version were off, as its run has it; none of a run of an earlier program."""
    try:
        metrics = required_run(store, version).data.metrics
    except UserError:
        return ()
    return KnownError.all_of(lambda place: metrics.get(f"{_TEST}/{place}"))


def _check(version: "ModelVersion", folder: Path, weights: str) -> None:
    """Refuse another model than the one that was registered; the weights themselves are hashed when they are loaded.

    Raises:
        UserError: it is another, or nobody signed it who must.
    """
    try:
        told = json.loads((folder / "run.json").read_text(encoding="utf-8"))["weights_hash"]
    except (ValueError, KeyError, TypeError):
        told = None
    if told != weights:
        raise UserError(
            f"{folder} holds another model than {MODEL} v{number_of(version)}: delete that folder"
        )
    manifest.check(version, folder)


def _source(store: Store, version: "ModelVersion") -> str:
    """Return the address of a version's model, which is the one that its run logged.

    Where that run was deleted, it is the model of another run of the same training, logged once more.

    Raises:
        UserError: the version claims another, or no run is left.
    """
    run = required_run(store, version)
    source = recorded(run.data.tags, "model_uri")
    same = run.data.tags.get("lvseg.weights_hash") == version.tags.get("lvseg.weights_hash")
    if not same or (run.info.run_id == version.run_id and version.source != source):
        raise UserError(
            f"{MODEL} v{number_of(version)} says that it is the model of the run {run.info.run_name}, and is "
            "another: somebody has changed it in the tracking store"
        )
    return source
