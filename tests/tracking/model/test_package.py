"""The model of a run, as others load and serve it: away from this repository, on frames as they come."""

import ast
import base64
import io
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.encaps import encapsulate
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless

from lvseg.core.environment import command_environment
from lvseg.imaging.grid import Grid
from lvseg.imaging.spacing import Spacing
from lvseg.inference.segmenter import Segmenter
from lvseg.inference.stacks import segment_alone
from lvseg.models.keras_file import save_model
from tests.conftest import REPOSITORY
from tests.lvseg.labels.scd import Cine, dataset
from tests.lvseg.models.tiny_models import save_trained, threshold_model
from tests.tracking.conftest import EXPERIMENT
from tracking.model import package
from tracking.runs import mlflow_runs
from tracking.runs.record import Record
from tracking.runs.store import QUIET, open_store

pytestmark = pytest.mark.slow

FRAME = Cine().pixels(0, 5)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    """Return the folder of a model as it is downloaded from a store."""
    folder = tmp_path_factory.mktemp("package")
    save_trained(folder, "cnn", threshold_model())
    save_model(threshold_model(), folder / "cnn/model.keras")
    record = Record(EXPERIMENT, "cnn", "train-cnn", "f" * 64, {}, {}, {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
        (folder / "mlflow.db").write_bytes(empty_database.read_bytes())
        store = open_store(EXPERIMENT)
        run_id = mlflow_runs.create(store, record).info.run_id
        logged = package.log_model(folder / "cnn", record, store, run_id, epochs=2)
        assert package.log_model(folder / "cnn", record, store, run_id, epochs=2).model_id == logged.model_id
        return package.downloaded(logged.model_uri, folder / "elsewhere").parents[1]


@pytest.fixture(scope="module")
def address(artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return where `mlflow models serve` answers for the model, started in an empty folder."""
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local", "--model-uri"]
    command += [str(artifact), "--port", str(port), "--workers", "1"]
    log = folder / "log"
    environment = command_environment() | QUIET  # MLflow calls `uvicorn` by name
    with log.open("w") as file:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=file, stderr=file, start_new_session=True
        )
    try:
        for _ in range(1500):  # a busy machine takes minutes to load TensorFlow
            assert process.poll() is None, log.read_text()
            try:
                httpx.get(f"http://127.0.0.1:{port}/ping").raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.2)
        else:
            raise AssertionError(log.read_text())
        yield f"http://127.0.0.1:{port}/invocations"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, 15)  # the server's own session: nothing else is in it
            process.wait(20)


def ask(address: str, *frames: dict[str, Any]) -> httpx.Response:
    return httpx.post(address, json={"dataframe_records": frames}, timeout=60)


def in_base64(pixels: NDArray[Any], syntax: str = "", **header: Any) -> str:
    """Return a frame as a DICOM file in base64; its spacing is 1.4 x 1.5 mm."""
    frame = dataset(pixels, 1, 0)
    if syntax == JPEG2000Lossless:
        frame.compress(syntax)
    elif syntax:
        frame.file_meta.TransferSyntaxUID = syntax
    for keyword, value in header.items():
        setattr(frame, keyword, value)
    stream = io.BytesIO()
    frame.save_as(stream)
    return base64.b64encode(stream.getvalue()).decode()


def swelling() -> str:
    """Return a file of 200 kB that holds 200 MB."""
    return in_base64(
        FRAME, DeflatedExplicitVRLittleEndian, Rows=10240, Columns=10240, PixelData=bytes(2 * 10240**2)
    )


def deadly() -> str:
    """Return a JPEG-LS picture that says it is 60000 x 60000: its decoder aborts the process."""
    size = (60000).to_bytes(2, "big").hex()
    picture = bytes.fromhex(f"ffd8 fff7000b10{size}{size}01011100 ffda00080101000000 {'00' * 40} ffd9")
    return in_base64(FRAME, JPEGLSLossless, PixelData=encapsulate([picture]))


def filled(answer: dict[str, Any]) -> NDArray[Any]:
    """Return the mask of an answer as its documentation says."""
    mask = np.zeros(answer["rows"] * answer["columns"], np.uint8)
    for start, length in zip(answer["mask"][::2], answer["mask"][1::2], strict=True):
        mask[start : start + length] = 1
    return mask.reshape(answer["rows"], answer["columns"])


def test_numbers_and_dicom_files_get_the_mask_of_the_pipeline(address: str) -> None:
    wide = np.pad(FRAME, ((0, 0), (0, 20)))
    response = ask(
        address,
        {"pixels": FRAME.tolist(), "spacing_mm": [1.4, 1.5]},
        {"dicom": in_base64(FRAME)},
        {"pixels": wide.tolist()},
        {"dicom": in_base64(FRAME, JPEG2000Lossless)},
        {"dicom": in_base64(np.invert(FRAME), PhotometricInterpretation="MONOCHROME1")},
    )
    assert response.status_code == 200, response.text
    numbers, dicom, other, packed, inverted = response.json()["predictions"]
    assert packed == inverted == dicom
    segmenter = Segmenter(threshold_model(), Grid(64))
    expected = [
        segment_alone(segmenter, FRAME, Spacing(1.4, 1.5)),
        segment_alone(segmenter, wide, Spacing(1.0, 1.0)),
    ]
    np.testing.assert_array_equal(filled(numbers), expected[0].mask)
    np.testing.assert_array_equal(filled(other), expected[1].mask)
    assert dicom == numbers and numbers["found"] and expected[0].mask.any()
    contour = expected[0].contour()
    assert contour is not None
    np.testing.assert_allclose(numbers["contour"], contour, atol=0.006)
    assert numbers["area_mm2"] == pytest.approx(
        expected[0].mask.sum() * 1.4 * 1.5, rel=0.1
    )  # of the pixels, which are coarse
    assert other["area_mm2"] is None
    assert "LEAK" not in response.text


def test_a_frame_without_ventricle_says_so(address: str) -> None:
    (answer,) = ask(address, {"pixels": [[5, 5], [5, 5]], "spacing_mm": [1, 1]}).json()["predictions"]
    assert answer == {
        "rows": 2,
        "columns": 2,
        "found": False,
        "contour": [],
        "area_mm2": 0.0,
        "mask": [],
        "others": {},
    }


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "either `dicom` or `pixels`"),
    "both": ({"dicom": "AAAA", "pixels": [[1]]}, "either `dicom` or `pixels`"),
    "another name": ({"image": [[1]]}, "either `dicom` or `pixels`"),
    "ragged": ({"pixels": [[1, 2], [3]]}, "all of one length"),
    "words": ({"pixels": [["a", "b"]]}, "rows of numbers"),
    "one number": ({"pixels": 3}, "rows of numbers"),
    "one row": ({"pixels": [1, 2, 3]}, "rows of numbers"),
    "no pixels": ({"pixels": [[]]}, "0 pixels"),
    "too wide": ({"pixels": [[0] * 5000]}, "1 x 5000 pixels"),
    "a gap": ({"pixels": [[1, None], [1, 2]]}, "rows of numbers"),
    "beyond numbers": ({"pixels": [[1, 1e39], [1, 2]]}, "NaN or infinity"),
    "numbers as words": ({"pixels": [["1", "2"]]}, "rows of numbers"),
    "a word": ({"pixels": "123"}, "rows of numbers"),
    "one spacing": ({"pixels": [[1]], "spacing_mm": [1.4]}, "two numbers"),
    "spacing as a word": ({"pixels": [[1]], "spacing_mm": "12"}, "two numbers"),
    "no spacing": ({"pixels": [[1]], "spacing_mm": [0, 1.4]}, "impossible"),
    "a spacing of atoms": ({"pixels": [[1]], "spacing_mm": [1e-9, 1e-9]}, "impossible"),
    "a spacing of miles": ({"dicom": in_base64(FRAME, PixelSpacing=[1e6, 1e6])}, "impossible"),
    "spacing beside a file": ({"dicom": "AAAA", "spacing_mm": [1, 1]}, "has its own"),
    "not base64": ({"dicom": "<html>"}, "not base64"),
    "not DICOM": ({"dicom": base64.b64encode(b"GIF89a" * 99).decode()}, "not a DICOM file"),
    "half a file": ({"dicom": in_base64(FRAME)[:4000]}, "truncated"),
    "a file that swells": ({"dicom": swelling()}, "10240 x 10240 pixels"),
    "a decoder's death": ({"dicom": deadly()}, "no decoder can read it"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_frame_is_refused_by_its_number_and_the_server_lives(name: str, address: str) -> None:
    request, reason = BAD[name]
    good = {"pixels": FRAME.tolist(), "spacing_mm": [1.4, 1.5]}
    response = ask(address, good, request)
    assert response.status_code == 400, response.text
    said = json.loads(response.text)["message"]
    assert reason in said and said.startswith("frame 1: ")  # nothing of what was sent is repeated
    assert ask(address, good).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"frames": []}',
        b'{"dataframe_records": 3}',
        b'{"dataframe_records": []}',
        b'{"dataframe_records": [{"image": [[1]]}]}',
        b'{"instances": [1, 2]}',
    ],
)
def test_what_is_no_request_is_refused(body: bytes, address: str) -> None:
    response = httpx.post(address, content=body, headers={"content-type": "application/json"}, timeout=60)
    assert 400 <= response.status_code < 500, response.text


def test_the_requirements_are_what_the_code_of_the_artifact_imports(artifact: Path) -> None:
    given = {
        module
        for module, holders in packages_distributions().items()
        if {holder.lower() for holder in holders} & set(package.REQUIREMENTS)
    }
    imported: set[str] = set()
    for path in (artifact / "code").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.partition(".")[0])
    assert imported <= given | sys.stdlib_module_names | {"lvseg"}


def test_the_artifact_holds_its_own_code_and_nothing_of_this_machine(artifact: Path) -> None:
    files = [path for path in artifact.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert {path.name for path in files} >= {"model.keras", "run.json", "served.py", "requirements.txt"}
    assert not [path for path in files if path.suffix in (".pkl", ".pickle")]
    texts = {path.name: path.read_text() for path in files if path.suffix != ".keras"}
    for place in (str(artifact.parent.parent), str(REPOSITORY), str(Path.home())):
        assert not [name for name, text in texts.items() if place in text]
    script = (
        "import sys, mlflow.pyfunc, pandas as pd\n"
        "model = mlflow.pyfunc.load_model(sys.argv[1])\n"
        "answer = model.predict(pd.DataFrame({'pixels': [[[0, 0], [0, 9]]]}))\n"
        "import lvseg.inference.serving\n"
        "print(lvseg.inference.serving.__file__, answer['found'].tolist())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(artifact)],
        cwd=artifact.parent,
        env={**os.environ, **QUIET},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(artifact / "code"))
