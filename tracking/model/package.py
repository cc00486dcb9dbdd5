"""A trained network as an MLflow model that needs nothing but its own requirements: frames in, masks out.

The artifact holds the network, `run.json`, and the code from frame to mask as plain files: nothing in it is pickled,
and Keras loads the network in safe mode.
"""

import shutil
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow.pyfunc
from mlflow.artifacts import download_artifacts
from mlflow.entities import LoggedModel
from mlflow.models import Model, ModelSignature
from mlflow.types.schema import AnyType, ColSpec, Schema

from lvseg.core.code.closure import import_closure
from lvseg.core.paths.places import ROOT
from tracking.registry.trust.recorded import recorded
from tracking.runs.record import Record
from tracking.runs.store import Store

LOADER = "served"  # module of the artifact that MLflow calls
REQUIREMENTS = (
    "mlflow", "keras", "tensorflow", "numpy", "pandas", "scipy", "contourpy",
    "pydicom", "python-gdcm", "pylibjpeg", "pylibjpeg-openjpeg", "pebble",
)  # fmt: skip
SIGNATURE = ModelSignature(
    Schema(
        [
            ColSpec(AnyType(), name, required=False)
            for name in ("pixels", "spacing_mm", "dicom", "slice", "phase")
        ]
    )
)


class Package(Model):
    """A model's description without the address of the store's folder, which is a path of this machine."""

    def __init__(self, artifact_path: str | None = None, **facts: Any) -> None:
        super().__init__(**facts)


def log_model(model: Path, record: Record, store: Store, run_id: str, epochs: int) -> LoggedModel:
    """Log the network of a run, with its signature and exact requirements, unless the run has it.

    Args:
        model: the folder with `model.keras` and `run.json`.
    """
    existing = store.client.search_logged_models([store.experiment_id], f"source_run_id = '{run_id}'")
    ready = [known for known in existing if known.status == "READY"]
    if ready:
        return ready[0]
    # Made here and not by MLflow, which would tag it with user name and paths of this machine.
    logged = store.client.create_logged_model(
        store.experiment_id,
        name=record.model,
        source_run_id=run_id,
        params=record.params,
        tags={"lvseg.fingerprint": record.fingerprint, "lvseg.weights_hash": record.weights_hash},
    )
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*An input example was not provided")  # the signature says it all
        data, code = Path(folder, "model"), Path(folder, "code")
        data.mkdir()
        for name in ("model.keras", "run.json"):
            shutil.copyfile(model / name, data / name)
        Package.log(  # what `mlflow.pyfunc.log_model` calls, with the run named instead of the "active" one
            artifact_path=None,
            name=record.model,
            flavor=mlflow.pyfunc,
            run_id=run_id,
            model_id=logged.model_id,
            step=epochs,
            loader_module=LOADER,
            data_path=str(data),
            code_paths=_code(code),
            signature=SIGNATURE,
            pip_requirements=[f"{name}=={version(name)}" for name in REQUIREMENTS],
        )
    return store.client.get_logged_model(logged.model_id)


def downloaded(model_uri: str, folder: Path) -> Path:
    """Return a folder with the `model.keras` and `run.json` of a logged model, downloaded into `folder`.

    Raises:
        UserError: the address is none of a logged model; MLflow would take any URL and any path.
    """
    recorded({"lvseg.model_uri": model_uri}, "model_uri")
    return Path(download_artifacts(model_uri, dst_path=str(folder))) / "data/model"


def _code(folder: Path) -> list[str]:
    """Copy the code that the artifact needs into `folder`; return what MLflow is to take along."""
    for source in import_closure("lvseg.inference.serving"):
        (folder / source).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / source, folder / source)
    shutil.copyfile(ROOT / "tracking/model/pyfunc.py", folder / f"{LOADER}.py")
    return [str(path) for path in sorted(folder.iterdir())]
