"""`make bench-predict`: a study of 240 frames through `lvseg predict`, against a MONAI script and the bare network.

The bare network sees as many points of the same pixels, on its grid already, in the same batches: what we take beyond
that is overhead.
Where `data/phantom` holds the truth, its patients are predicted too and compared with it.
"""

import csv
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numpy as np
import typer

from bench.peers.environment import run_peer
from lvseg import params
from lvseg.core import backend
from lvseg.core.command import run
from lvseg.core.errors import UserError

AT_ONCE = 16  # frames in a batch, as prediction has it


def main(
    model: Annotated[Path, typer.Option(help="Folder of the model.")] = Path("models/unet"),
    repeats: Annotated[int, typer.Option(help="Of each measurement; the median counts.")] = 5,
) -> None:
    """Measure, and print the tables."""
    if not (model / "model.keras").is_file():
        raise UserError(f"{model} holds no model: run `make repro` first")
    threads = params.load().evaluate.threads
    print(backend.prepare(threads, seed=0))
    from lvseg.phantom.dataset import Size, generate
    from lvseg.studies.analysis.loaded_model import load_model
    from lvseg.studies.cohort.order import model_facts

    loaded = load_model(model, model_facts(model))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        generate(folder / "data", seed=11, size=Size(patients=1, slices=12, phases=20, matrix=256), workers=1)
        stack = next((folder / "data" / "SCD_IMAGES_01").glob("*/CINESAX*"))
        parts = ours(stack, folder, loaded, repeats)
        grid = loaded.segmenter.grid
        peer = run_peer("monai_predict.py", stack, grid.size, grid.spacing_mm or 1.4, threads, repeats)
        started = fresh(stack, folder / "out", model)
    print("\n| a study of 240 frames, 256 x 256 | seconds |\n|---|---|")
    for name, seconds in parts.items():
        print(f"| {name} | {seconds:.2f} |")
    print(f"| from the command to the first result | {started:.1f} |")
    masks = parts["ours: reading"] + parts["ours: masks and measurements"]
    bare = parts["the bare network"]
    print(
        f"| MONAI script, all (reading {peer['read']:.2f}, network {peer['network']:.2f}) | {peer['all']:.2f} |"
    )
    print(f"\nReading, masks and measurements: {masks / peer['all']:.2f} x the MONAI script; "
          f"overhead over the bare network {100 * (masks / bare - 1):.0f} %, "
          f"with all outputs {100 * ((masks + parts['ours: outputs']) / bare - 1):.0f} %.")  # fmt: skip
    truth = Path("data/phantom/truth.csv")
    if truth.is_file():
        against(truth, loaded)


def ours(stack: Path, folder: Path, model: Any, repeats: int) -> dict[str, float]:
    """Return the seconds of each part."""
    from lvseg.dicom.stacks import short_axis, stacking
    from lvseg.inference.second_look import sample
    from lvseg.inference.stack_of import stack_of_cine
    from lvseg.studies.analysis.analyse import analyse_study
    from lvseg.studies.cohort import inputs
    from lvseg.studies.outputs import study_folder

    (study,) = inputs.studies(stack)
    cine, _ = stacking.stacked(short_axis.choose(study.images))
    result = analyse_study("bench", study.images, study.set_aside, None, model)
    kinds, number = study_folder.Outputs(all_phases=True, nifti=False, contours=False), iter(range(10_000))

    def write() -> None:
        place = folder / f"written-{next(number)}"
        (place / "private").mkdir(parents=True)
        study_folder.write(place, place / "private", result, kinds)

    segmenter = model.segmenter
    looks = [(segmenter.grid, stack_of_cine(cine), segmenter.views)]
    if segmenter.closer is not None:
        looks = [(segmenter.grid, sample(looks[0][1]), 1), (segmenter.closer, *looks[0][1:])]
    batches = [
        (np.stack([grid.image(image, cine.spacing_mm) for image in seen.pixels]), views)
        for grid, seen, views in looks
    ]

    def bare() -> None:
        for batch, views in batches:
            for _ in range(views):
                for start in range(0, len(batch), AT_ONCE):
                    segmenter.logits(batch[start : start + AT_ONCE])

    reading = median_seconds(
        lambda: stacking.stacked(short_axis.choose(inputs.studies(stack)[0].images)), repeats
    )
    pixels = median_seconds(lambda: stacking.stacked(short_axis.choose(study.images)), repeats)
    whole = median_seconds(lambda: analyse_study("bench", study.images, [], None, model), repeats)
    return {
        "ours: reading": reading,
        "ours: masks and measurements": whole - pixels,
        "ours: outputs": median_seconds(write, repeats),
        "the bare network": median_seconds(bare, repeats),
    }


def median_seconds(work: Callable[[], Any], repeats: int) -> float:
    """Return the median seconds of some work, after one go that is not counted."""
    seconds = []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begin)
    return median(seconds[1:])


def fresh(stack: Path, out: Path, model: Path) -> float:
    """Return the seconds from the command to the line of its first study."""
    command = [sys.executable, "-m", "tasks.predict", "--out", str(out), "--model", str(model), str(stack)]
    begin = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        running.stdout.readline()  # what it is going to do
        said = running.stdout.readline()
        seconds = time.perf_counter() - begin
        running.stdout.read()
    if not said.startswith("S"):
        raise UserError(f"no result: {said}")
    return seconds


def against(truth: Path, model: Any) -> None:
    """Print how the phantom's patients are measured, beside the truth."""
    from lvseg.studies.analysis.analyse import analyse_study
    from lvseg.studies.cohort import inputs

    with truth.open(newline="") as file:
        rows = {row["patient"]: row for row in csv.DictReader(file)}
    with (truth.parent / "scd_patientdata.csv").open(newline="", encoding="utf-8-sig") as file:
        original = {row["PatientID"]: row["OriginalID"] for row in csv.DictReader(file)}
    print("\n| phantom | EF, % | true | EDV, ml | true | ED, ES | true |\n|---|---|---|---|---|---|---|")
    apart = []
    for folder in sorted((truth.parent / "SCD_IMAGES_01").iterdir()):
        study = inputs.studies(folder)[0]
        measured = analyse_study("x", study.images, [], None, model).measurements
        row = rows[original[folder.name]]
        apart.append(abs(measured.ef_percent - float(row["ef_percent"])))
        print(f"| {row['patient']} | {measured.ef_percent:.1f} | {float(row['ef_percent']):.1f} "
              f"| {measured.edv_ml:.0f} | {float(row['edv_ml']):.0f} "
              f"| {measured.ed_phase}, {measured.es_phase} | {row['ed_phase']}, {row['es_phase']} |")  # fmt: skip
    print(f"\nEF differs from the truth by {np.mean(apart):.1f} points on average, {max(apart):.1f} at most.")


if __name__ == "__main__":
    run(main)
