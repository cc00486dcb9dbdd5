"""Clones of the repository as it lies here, each with a HOME of its own, and the workers that run in them."""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bench.rig.process import Child, child, surroundings
from bench.rig.servers import Ssh
from lvseg.core.errors import UserError
from lvseg.core.paths.places import ROOT

TINY_UNET: dict[str, Any] = {
    "epochs": 2,
    "images_per_epoch": 8,
    "spacing_mm": 3.0,
    "image_size": 64,
    "crop": 32,
    "width": 8,
    "views": 1,
    "learn_from_validation": False,
}
TINY_CLOSER: dict[str, Any] = {"spacing_mm": 3.0, "size": 32, "shift_mm": 12.0, "share": 0.6}
# A phantom and trainings of seconds. Data and epochs are for faults and timelines, not for scores.
TINY: dict[str, dict[str, Any]] = {
    "phantom": {"patients": 6, "slices": 3, "phases": 4, "matrix": 64},
    "train_dense": {"epochs": 2, "image_size": 32, "threads": 1},
    "train_cnn": {"epochs": 2, "image_size": 32, "threads": 1},
    "train_unet": {"fast": TINY_UNET, "closer": TINY_CLOSER, "threads": 1},
    "evaluate": {"threads": 1},
    "report": {"overlays": 1},
    "extract": {"workers": 1},
}


@dataclass(frozen=True)
class Clone:
    """A clone, its HOME, and where its commands find the servers.

    Attributes:
        rig: the folder that all of this lives in.
        settings: environment variables of every command.
    """

    rig: Path
    root: Path
    home: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """Return the surroundings of its commands."""
        return surroundings(self.rig, self.home, **self.settings)

    def run(self, *command: str, **extra: str) -> str:
        """Run a command in the clone and return what it says.

        Raises:
            UserError: it failed.
        """
        done = subprocess.run(
            command, cwd=self.root, env=self.environment() | extra, capture_output=True, text=True
        )
        said = done.stdout + done.stderr
        if done.returncode:
            raise UserError(f"{' '.join(command)} in {self.root.name}: {said.strip()[-3000:]}")
        return said

    def python(self, *arguments: str, **extra: str) -> str:
        """Run this interpreter; see `run`."""
        return self.run(sys.executable, *arguments, **extra)

    def commit(self, message: str) -> None:
        """Commit everything."""
        self.run("git", "add", "--all")
        self.run("git", "-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "--quiet", "-m", message)

    def set(self, *changes: Mapping[str, Mapping[str, Any]]) -> None:
        """Write values into params.yaml."""
        path = self.root / "params.yaml"
        params = yaml.safe_load(path.read_text(encoding="utf-8"))
        for change in changes:
            for section, values in change.items():
                params[section].update(values)
        path.write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")

    def remote(self, ssh: Ssh, folder: Path) -> None:
        """Make a folder behind an SSH server the DVC remote, for this clone only."""
        known = self.home / ".ssh" / "known_hosts"
        known.parent.mkdir(mode=0o700, exist_ok=True)
        known.write_text(ssh.known_hosts)
        dvc = ("-m", "dvc", "remote")
        self.python(*dvc, "add", "--local", "--force", "--default", "--quiet", "store", ssh.url(folder))
        self.python(*dvc, "modify", "--local", "--quiet", "store", "keyfile", str(ssh.key))
        self.python(*dvc, "modify", "--local", "--quiet", "store", "timeout", "30")

    def weights(self, place: Path | None = None) -> dict[str, str]:
        """Return the weights hash of every model in a worktree of the clone, the clone itself by default."""
        records = sorted(((place or self.root) / "models").glob("*/run.json"))
        return {path.parent.name: yaml.safe_load(path.read_text())["weights_hash"] for path in records}

    def workspaces(self) -> list[Path]:
        """Return the workspaces of its flow runs."""
        return sorted(path for path in (self.root / ".lvseg" / "workspaces").glob("*") if path.is_dir())


def copy_files(target: Path) -> None:
    """Copy the files of this repository as they lie here, changes included, without what git ignores and `dvc.lock`."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for file in filter(None, listed.split("\0")):
        if (ROOT / file).is_file() and file != "dvc.lock":
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, target / file)


def first(rig: Path, name: str, *changes: Mapping[str, Mapping[str, Any]], **settings: str) -> Clone:
    """Return a new repository with the files as they lie here, changes included, and other parameters."""
    clone = Clone(rig, rig / name, rig / f"{name}-home", settings)
    clone.home.mkdir()
    copy_files(clone.root)
    clone.set(*changes)
    clone.run("git", "init", "--quiet", "--initial-branch=main")
    clone.commit("the repository as it is")
    return clone


def again(source: Path, rig: Path, name: str, **settings: str) -> Clone:
    """Return a clone of a repository, with its own empty HOME."""
    clone = Clone(rig, rig / name, rig / f"{name}-home", settings)
    clone.home.mkdir()
    done = subprocess.run(
        ["git", "clone", "--quiet", str(source), str(clone.root)],
        env=surroundings(rig, clone.home),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise UserError(f"git clone: {done.stderr.strip()}")
    return clone


def bare(source: Clone, path: Path) -> None:
    """Make a bare repository of a clone, and the origin of that clone."""
    source.run("git", "clone", "--quiet", "--bare", str(source.root), str(path))
    source.run("git", "remote", "add", "origin", str(path))


@contextmanager
def worker(
    clone: Clone, pool: str, *options: str, name: str | None = None, prefix: Sequence[str] = ()
) -> Iterator[Child]:
    """Run `python -m flows.worker` in a clone for the time of the block.

    Args:
        name: of its log; the pool by default.
        prefix: a command to run it under, such as taskset.
    """
    command = [*prefix, sys.executable, "-m", "flows.worker", "--pool", pool, *options]
    with child(
        f"worker-{name or pool}", command, folder=clone.rig, env=clone.environment(), cwd=clone.root
    ) as started:
        yield started
