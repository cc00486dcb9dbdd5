"""In place of `flows/run_stage.py`: a flow that says when it began and ended, and waits in between."""

import os
import subprocess
import time
from pathlib import Path

from prefect import flow


@flow(name="run-stage")
def run_stage(stage: str, ref: str, force: bool = False) -> None:
    """Leave `<stage>.began`, with the GPU that it may use, and `<stage>.ended` in the folder `ref`.

    `<stage>.orphan` holds the number of a process whose parent ended before it, as that of a killed DVC does.
    """
    folder = Path(ref)
    orphan = subprocess.run(["sh", "-c", "sleep 0.1 >&2 & echo $!"], stdout=subprocess.PIPE, check=True)
    (folder / f"{stage}.orphan").write_bytes(orphan.stdout)
    began = folder / f".{stage}.began"
    began.write_text(f"{os.getpid()} {os.environ.get('CUDA_VISIBLE_DEVICES')}")
    began.rename(folder / f"{stage}.began")
    try:
        time.sleep(120)
    finally:
        (folder / f"{stage}.ended").touch()
