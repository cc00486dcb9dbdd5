"""`make bench-serve`: what a served model takes and gives, against its own network called without a server.

The best model of reports/ is served on loopback as people would serve it. A bounded number of requests from a few
clients at once, one frame each, come as numbers and as DICOM files; then some that are broken in all ways.
"""

import base64
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import httpx
import numpy as np
import typer
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from lvseg import params
from lvseg.core import backend
from lvseg.core.command import run
from lvseg.core.environment import command_environment
from lvseg.core.errors import UserError
from lvseg.imaging.spacing import Spacing

CLIENTS = 4
START = 120.0  # seconds for the server to answer
BROKEN: dict[str, bytes] = {
    "no JSON": b"{",
    "another form": b'{"frames": []}',
    "no frame": json.dumps({"dataframe_records": [{"pixels": None}]}).encode(),
    "ragged rows": json.dumps({"dataframe_records": [{"pixels": [[1, 2], [3]]}]}).encode(),
    "no base64": json.dumps({"dataframe_records": [{"dicom": "<html>"}]}).encode(),
    "no DICOM": json.dumps({"dataframe_records": [{"dicom": base64.b64encode(b"GIF89a").decode()}]}).encode(),
}


def main(
    requests: Annotated[int, typer.Option(min=8, max=5000, help="Of each kind.")] = 200,
) -> None:
    """Serve the best model, ask it, and print the tables."""
    settings = params.load()
    where = backend.prepare(settings.evaluate.threads, seed=0)
    from lvseg.data import drawn_frames
    from lvseg.evaluation.sources import Sources
    from lvseg.inference.segmenter import load_segmenter
    from lvseg.inference.stacks import segment_alone
    from tracking.model.package import downloaded
    from tracking.registry.promotion import candidate
    from tracking.runs.required import required_store

    sources = Sources()
    examples = sources.select("test", settings.quality.drop_from_test).examples
    pictures = [drawn_frames.load(example) for example in examples[:64]]
    store = required_store()
    model = candidate(store, sources.models, Path("reports"))
    with tempfile.TemporaryDirectory() as folder:
        home = downloaded(model.data.tags["lvseg.model_uri"], Path(folder))
        how = json.loads((home / "run.json").read_text(encoding="utf-8"))["prediction"]
        segmenter = load_segmenter(home / "model.keras", how)
        alone = [
            _seconds_of(partial(segment_alone, segmenter, frame.image, frame.spacing_mm))
            for frame in pictures
        ]
        bare = float(np.median(alone[len(alone) // 4 :]))  # the first ones compile
        kinds = {
            "numbers": [
                {"pixels": frame.image.tolist(), "spacing_mm": list(frame.spacing_mm)} for frame in pictures
            ],
            "DICOM files": [{"dicom": _dicom(frame.image, frame.spacing_mm)} for frame in pictures],
        }
        with served(home.parents[1]) as address:
            print(f"{where}; {model.info.run_name}, {CLIENTS} clients, {requests} requests of one frame each; "
                  f"the network alone takes {1000 * bare:.0f} ms a frame, {1 / bare:.1f} a second\n")  # fmt: skip
            print(
                "| frames as | a second | p50, ms | p99, ms | of the network alone |\n|---|---|---|---|---|"
            )
            for name, bodies in kinds.items():
                rate, times = ask(address, bodies, requests)
                p50, p99 = (1000 * float(np.percentile(times, percent)) for percent in (50, 99))
                print(
                    f"| {name} | {rate:.1f} | {p50:.0f} | {p99:.0f} | {100 * rate * bare:.0f} % |", flush=True
                )
            print("\n| broken request | status |\n|---|---|")
            for name, body in BROKEN.items():
                answer = httpx.post(
                    address, content=body, headers={"content-type": "application/json"}, timeout=60
                )
                print(f"| {name} | {answer.status_code} |")
            rate, _ = ask(address, kinds["numbers"], CLIENTS)
            print(f"\nStill answering: {rate:.1f} a second.")


def ask(address: str, bodies: Sequence[dict[str, Any]], count: int) -> tuple[float, list[float]]:
    """Return requests per second, and the seconds that each of `count` took.

    Raises:
        UserError: one was not answered.
    """
    contents = [json.dumps({"dataframe_records": [body]}).encode() for body in bodies]

    def one(number: int) -> float:
        began = time.perf_counter()
        answer = client.post(
            address, content=contents[number % len(contents)], headers={"content-type": "application/json"}
        )
        if answer.status_code != 200:
            raise UserError(f"the server answered {answer.status_code}: {answer.text[:300]}")
        return time.perf_counter() - began

    with httpx.Client(timeout=60) as client, ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(one, range(CLIENTS)))  # the first of each connection
        began = time.perf_counter()
        times = list(pool.map(one, range(count)))
        return count / (time.perf_counter() - began), times


@contextmanager
def served(artifact: Path) -> Iterator[str]:
    """Serve a model on loopback for the time of the block; yield where it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local"]
    command += ["--model-uri", str(artifact), "--port", str(port), "--workers", "1"]
    environment = command_environment(  # MLflow calls `uvicorn` by name
        MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true"
    )
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            _await(process, port)
            yield f"http://127.0.0.1:{port}/invocations"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, 15)  # its own session: nothing else is in it
                process.wait(20)


def _await(process: "subprocess.Popen[bytes]", port: int) -> None:
    """Wait until the server answers."""
    give_up = time.monotonic() + START
    while time.monotonic() < give_up and process.poll() is None:
        try:
            httpx.get(f"http://127.0.0.1:{port}/ping").raise_for_status()
            return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise UserError(f"`mlflow models serve` did not answer within {START:.0f} s")


def _seconds_of(work: Callable[[], Any]) -> float:
    """Return the seconds that some work takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _dicom(image: np.ndarray, spacing_mm: Spacing) -> str:
    """Return a frame as a DICOM file in base64."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = MRImageStorage, ExplicitVRLittleEndian
    meta.MediaStorageSOPInstanceUID = "2.25.1"
    with tempfile.NamedTemporaryFile() as file:
        frame = FileDataset(file.name, {}, file_meta=meta, preamble=bytes(128))
        frame.SOPClassUID, frame.SOPInstanceUID = MRImageStorage, "2.25.1"
        frame.Rows, frame.Columns = image.shape
        frame.PixelSpacing = [float(length) for length in spacing_mm]
        frame.SamplesPerPixel, frame.PhotometricInterpretation = 1, "MONOCHROME2"
        frame.BitsAllocated = frame.BitsStored = 16
        frame.HighBit, frame.PixelRepresentation = 15, 1
        frame.PixelData = image.astype("<i2").tobytes()
        frame.save_as(file.name)
        return base64.b64encode(Path(file.name).read_bytes()).decode()


if __name__ == "__main__":
    run(main)
