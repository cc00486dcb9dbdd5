"""A copy of this repository in a temporary folder, on which tests run commands as people do."""

import csv
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.rig.clones import TINY_CLOSER, TINY_UNET, copy_files
from lvseg.core.hashes import file_hash

ROOT = Path(__file__).parent.parent
RAW = "data/sunnybrook"  # where the raw data of `trained_project` lies
TINY: dict[str, dict[str, Any]] = {
    "phantom": {"patients": 6, "slices": 3, "phases": 4, "matrix": 64},
    "train_dense": {"epochs": 1, "image_size": 32},
    "train_cnn": {"epochs": 1, "image_size": 32},
    "train_unet": {"fast": TINY_UNET | {"epochs": 1}, "closer": TINY_CLOSER},
    "report": {"overlays": 1},
}


# For a command: one that never ends, such as a server that should refuse to start, fails.
PATIENCE = 1800.0  # seconds


@dataclass(frozen=True)
class Project:
    """A clone, and the surroundings that its commands run in: an empty HOME, no git identity."""

    root: Path
    home: Path

    def environment(self, **extra: str) -> dict[str, str]:
        """Return the surroundings of its commands.

        Not by `lvseg.core.environment`: a fault of what is tested must not make the tests agree with it.
        """
        others = ("GIT_", "MLFLOW_", "PREFECT_", "LVSEG_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
        return {
            **kept,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.home),
            "DVC_SITE_CACHE_DIR": str(self.home / "dvc"),
            **extra,
        }

    def run(self, *command: str, fails: bool = False, input: str = "", **extra: str) -> str:
        """Run a command, check how it ended, and return what it said."""
        surroundings = self.environment(**extra)
        done = subprocess.run(
            command,
            cwd=self.root,
            env=surroundings,
            capture_output=True,
            text=True,
            input=input,
            umask=0o022,
            timeout=PATIENCE,
        )
        said = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, f"{' '.join(command)}\n{said[-6000:]}"
        return said

    def python(self, *arguments: str, **options: Any) -> str:
        return self.run(sys.executable, *arguments, **options)

    def dvc(self, *arguments: str, **options: Any) -> str:
        return self.python("-m", "dvc", *arguments, **options)

    def commit(self, message: str) -> None:
        self.run("git", "add", "--all")
        self.run("git", "-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "-qm", message)

    def set(self, changes: dict[str, dict[str, Any]]) -> None:
        path = self.root / "params.yaml"
        params = yaml.safe_load(path.read_text())
        for section, values in changes.items():
            params[section].update(values)
        path.write_text(yaml.safe_dump(params, sort_keys=False))

    def clone(self, folder: Path) -> "Project":
        """Return a clone as `git clone` makes it: what git does not hold is not there."""
        other = Project(folder / "clone", self.home)
        self.run("git", "clone", "--quiet", str(self.root), str(other.root))
        return other

    def copy(self, folder: Path) -> "Project":
        """Return a copy with all that lies there: data, cache, checkpoints."""
        other = Project(folder / "owner", folder / "home")
        self.run("cp", "--archive", str(self.root), str(self.home), str(folder))
        return other

    def metrics(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.root / "reports/metrics.json").read_text())
        return content

    def shards(self) -> dict[str, str]:
        return {path.name: file_hash(path) for path in (self.root / "data/shards").glob("*.npz")}


def working_copy(folder: Path) -> Project:
    """Return a repository with the files of this one, as they are now; nothing is committed yet."""
    (folder / "home").mkdir()
    project = Project(folder / "owner", folder / "home")
    copy_files(project.root)
    project.run("git", "init", "--quiet")
    project.set(TINY)
    return project


def trained_project(folder: Path) -> Project:
    """Return a project with a phantom as raw data of its own, whose ids are not public, and everything run.

    The commit comes after the run. One patient of the phantom lies in `held-back` beside the project.
    """
    project = working_copy(folder)
    project.set({"data": {"raw": RAW, "ids_public": False}})
    project.python("-m", "tasks.phantom")
    (project.root / "data/phantom").rename(project.root / RAW)
    _move_first_patient(project.root / RAW, folder / "held-back")
    project.dvc("add", "--quiet", RAW)
    project.dvc("remote", "add", "--default", "--quiet", "store", str(folder / "remote"))
    project.python("-m", "tasks.repro")
    project.commit("our own data")
    project.dvc("push", "--quiet")
    return project


def _move_first_patient(source: Path, target: Path) -> None:
    """Move the folders of one patient: images and contours, under whichever of his two ids."""
    table = next(source.rglob("*patientdata.csv"))
    with table.open(newline="", encoding="utf-8-sig") as file:
        patient = next(csv.DictReader(file))
    found = [path for key in ("PatientID", "OriginalID") for path in source.rglob(patient[key])]
    assert len(found) >= 2, f"images and contours of {patient}"
    for path in found:
        (target / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
        path.rename(target / path.relative_to(source))
