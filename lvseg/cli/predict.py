"""Segment studies: masks, volumes and ejection fractions."""

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lvseg.core.errors import UserError
from lvseg.core.own_lines import say
from lvseg.core.plural import counted

if TYPE_CHECKING:
    from lvseg.studies.analysis.body import Body
    from lvseg.studies.analysis.result import ModelFacts
    from lvseg.studies.cohort.order import Order

SOME_FAILED = 3  # exit status: a study failed or lacks a file; 1 is a run that could not go on


class Phases(StrEnum):
    """What the segmentation object holds."""

    ALL = "all"
    ENDS = "ed-es"


# The options, for this command and for that of the repository, which knows the registered models, too.
Studies = Annotated[
    list[Path],
    typer.Argument(
        metavar="STUDY...",
        help="Folders, zip archives, NIfTI or DICOMDIR files, a study each; a .txt file lists one path per line.",
    ),
]
Out = Annotated[Path, typer.Option(help="The folder to write; the same command goes on with it.")]
Series = Annotated[
    str | None, typer.Option(help="Number, UID or a part of the description of the series to segment.")
]
Drawn = Annotated[Phases, typer.Option(help="Phases in segmentation.dcm.")]
Nifti = Annotated[
    bool, typer.Option("--nifti", help="Also write the masks as NIfTI, as is always done of NIfTI.")
]
Contours = Annotated[
    bool, typer.Option("--contours", help="Also write the contours as text, in Sunnybrook's form.")
]
WithIds = Annotated[
    bool, typer.Option("--with-ids", help="Begin the names of outputs with the patient's id.")
]
Deidentify = Annotated[
    bool, typer.Option("--deidentify", help="segmentation.dcm says nothing of the patient: for research.")
]
Dates = Annotated[
    bool,
    typer.Option("--dates", help="The report says when the patient was examined, and when this was done."),
]
Height = Annotated[
    float | None,
    typer.Option(metavar="CM", help="Of the patient, where the files do not say it: volumes per m² need it."),
]
Weight = Annotated[float | None, typer.Option(metavar="KG", help="Of the patient, as --height.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes; changes the speed, never the result.")]


def main(
    studies: Studies,
    out: Out,
    model: Annotated[
        Path | None,
        typer.Option(
            help="Folder of a model, with model.keras and run.json, instead of the one that comes along."
        ),
    ] = None,
    series: Series = None,
    phases: Drawn = Phases.ALL,
    nifti: Nifti = False,
    contours: Contours = False,
    with_ids: WithIds = False,
    deidentify: Deidentify = False,
    dates: Dates = False,
    height: Height = None,
    weight: Weight = None,
    workers: Workers = 1,
) -> None:
    """Find the short-axis cine of each study, segment it with a model, and write what is measured."""
    from lvseg.studies.cohort.inputs import inputs
    from lvseg.studies.cohort.order import Order, model_facts
    from lvseg.studies.outputs.study_folder import Outputs
    from lvseg.studies.python_api import THREADS

    facts = model_facts(model) if model else None
    if model is None or facts is None:
        model, facts = start_model()
    paths = inputs(studies)
    outputs = Outputs(phases is Phases.ALL, nifti, contours, deidentify, dates).checked()
    body = body_of_one(paths, height, weight)
    order = Order(out.resolve(), model.resolve(), facts, THREADS, series, outputs, with_ids, body)
    sys.exit(run(paths, order, out, workers))


def body_of_one(paths: Sequence[Path], height_cm: float | None, weight_kg: float | None) -> "Body":
    """Return what the user says of the size of the patient behind the inputs.

    Raises:
        UserError: nobody has that size, or several patients should have the same one.
    """
    from lvseg.studies.analysis.body import stated

    if len(paths) > 1 and (height_cm is not None or weight_kg is not None):
        raise UserError(f"--height and --weight are of one patient, and {len(paths)} studies are named")
    return stated(height_cm, weight_kg)


def start_model() -> "tuple[Path, ModelFacts]":
    """Return the folder of the model that comes with the program, and what is known of it."""
    from lvseg.shipped import shipped_model
    from lvseg.studies.analysis.result import KnownError
    from lvseg.studies.cohort.order import model_facts

    shipped = shipped_model()
    errors = KnownError.all_of(shipped.score)
    return shipped.folder, model_facts(shipped.folder, shipped.version, shipped.tested, errors)


def run(paths: Sequence[Path], order: "Order", shown: Path, workers: int) -> int:
    """Predict the studies behind all paths, say what came out, and return the exit status.

    Args:
        paths: of the inputs, absolute.
        order: how they are predicted.
        shown: the output folder as the user wrote it.
        workers: processes.

    Raises:
        UserError: the output folder cannot be written, or the model cannot be read.
    """
    from lvseg.studies.cohort import cohort

    print(
        f"{counted(len(paths), 'input')}, {order.facts.words}. {order.facts.experience}",
        flush=True,
    )
    summary = cohort.predict(paths, order, workers)
    for line in cohort.words(summary, shown).split("\n"):
        say(line)
    return SOME_FAILED if summary.failed or summary.incomplete else 0
