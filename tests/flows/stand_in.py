"""In place of `flows/run_stage.py`: a flow that says when it began and ended, and waits in between."""

import os
import time
from pathlib import Path

from prefect import flow


@flow(name="run-stage")
def run_stage(stage: str, ref: str, force: bool = False) -> None:
    """Leave `<stage>.began`, with the GPU that it may use, and `<stage>.ended` in the folder `ref`."""
    folder = Path(ref)
    began = folder / f".{stage}.began"
    began.write_text(f"{os.getpid()} {os.environ.get('CUDA_VISIBLE_DEVICES')}")
    began.rename(folder / f"{stage}.began")
    try:
        time.sleep(120)
    finally:
        (folder / f"{stage}.ended").touch()
