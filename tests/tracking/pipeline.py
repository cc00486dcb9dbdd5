"""A repository whose pipeline takes no time: the stages of ours by name, each a line of shell."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from mlflow.entities.model_registry import ModelVersion, ModelVersionTag

from lvseg.core.hashes import file_hash, tree_hash
from tracking.provenance.dvc_command import dvc, dvc_environment

RAW, KEY = "data/raw", "0123"
STAGES: dict[str, dict[str, Any]] = {
    "extract": {
        "cmd": "mkdir data/shards && cat data/raw/* $LVSEG_HOME/pseudonym.key > data/shards/P.npz",
        "deps": ["${data.raw}"],
        "outs": ["data/shards"],
    },
    "split": {
        "cmd": "sort data/shards/P.npz > data/split.csv",
        "deps": ["data/shards"],
        "outs": ["data/split.csv"],
    },
    "train-dense": {
        "cmd": "test ! -e $LVSEG_HOME/checkpoints && mkdir -p models/dense && "
        'printf \'{"fingerprint": "f", "weights_hash": "%s"}\' $(cat data/split.csv | tr -d "\\n") '
        "> models/dense/run.json",
        "deps": ["data/split.csv"],
        "outs": ["models/dense"],
    },
}
WEIGHTS = "0123onetwo"


def make(folder: Path) -> Path:
    """Return a repository with two raw files that DVC tracks, everything run and committed."""
    (folder / RAW).mkdir(parents=True)
    (folder / RAW / "1").write_text("one\n")
    (folder / RAW / "2").write_text("two\n")
    (folder / "params.yaml").write_text(yaml.safe_dump({"data": {"raw": RAW, "ids_public": False}}))
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": STAGES}))
    (folder / ".gitignore").write_text("/data/shards\n/data/split.csv\n/models\n/data/raw\n/home\n")
    (folder / "requirements").mkdir()
    (folder / "requirements/runtime.lock").write_text("keras==3\n")
    (folder / "home").mkdir()
    (folder / "home/pseudonym.key").write_text(f"{KEY}\n")
    git(folder, "init", "--quiet", "--initial-branch=main")
    dvc("init", "--quiet", root=folder)
    dvc("add", "--quiet", RAW, root=folder)
    dvc("repro", "--quiet", "split", root=folder, LVSEG_HOME=str(folder / "home"))
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "as it is")
    return folder


def git(folder: Path, *arguments: str) -> str:
    """Run git as somebody."""
    command = ["git", "-c", "user.name=A", "-c", "user.email=a@b.c", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=dvc_environment(), capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def tags(folder: Path) -> dict[str, str]:
    """Return what a version that was trained there says, without `lvseg.`."""
    lock = yaml.safe_load((folder / "dvc.lock").read_text())["stages"]
    pointer = yaml.safe_load((folder / f"{RAW}.dvc").read_text())
    return {
        "git_commit": git(folder, "rev-parse", "HEAD"),
        "git_dirty": "false",
        "stage": "train-dense",
        "model": "dense",
        "fingerprint": "f",
        "weights_hash": WEIGHTS,
        "shards_hash": tree_hash(folder / "data/shards"),
        "split_hash": file_hash(folder / "data/split.csv"),
        "dvc.raw": pointer["outs"][0]["md5"],
        "dvc.shards": lock["extract"]["outs"][0]["md5"],
        "dvc.split": lock["split"]["outs"][0]["md5"],
    }


def version(tags: dict[str, str]) -> ModelVersion:
    """Return a version of the registered model with these tags."""
    return ModelVersion(
        name="lv-segmentation",
        version="3",
        creation_timestamp=0,
        tags=[ModelVersionTag(f"lvseg.{name}", value) for name, value in tags.items()],
    )


def main() -> None:
    """Build the version of the repository that the arguments name again, until somebody ends that."""
    from tracking.provenance.reproduction import build_again, plan

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    folder = Path(sys.argv[1])
    build_again(plan(version(tags(folder)), {}, folder), print, folder)


if __name__ == "__main__":
    main()
