"""Segment studies without contours: masks, volumes and the ejection fraction of each."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lvseg.core.command import run

_SOME_FAILED = 3  # exit status; 1 is a run that could not go on


class Phases(StrEnum):
    """What the segmentation object holds."""

    ALL = "all"
    ENDS = "ed-es"


def main(
    studies: Annotated[
        list[Path],
        typer.Argument(
            metavar="STUDY...",
            help="Folders, zip archives or DICOMDIR files, a study each; a .txt file lists one path per line.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="The folder to write; the same command goes on with it.")],
    model: Annotated[
        Path | None,
        typer.Option(help="Folder of a model, such as models/unet, instead of the registered one."),
    ] = None,
    version: Annotated[str, typer.Option(help="Number or alias of the registered model.")] = "champion",
    series: Annotated[
        str | None, typer.Option(help="Number, UID or a part of the description of the series to segment.")
    ] = None,
    phases: Annotated[Phases, typer.Option(help="Phases in segmentation.dcm.")] = Phases.ALL,
    nifti: Annotated[bool, typer.Option("--nifti", help="Also write the masks as NIfTI.")] = False,
    contours: Annotated[
        bool, typer.Option("--contours", help="Also write the contours as text, in Sunnybrook's form.")
    ] = False,
    with_ids: Annotated[
        bool, typer.Option("--with-ids", help="Begin the names of outputs with the patient's id.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes; changes the speed, never the result.")] = 1,
    track: Annotated[bool, typer.Option("--track", help="Log a summary without patients in MLflow.")] = False,
) -> None:
    """Find the short-axis cine of each study, segment it with the champion, and write what is measured."""
    import sys

    from lvseg import params
    from lvseg.core.places import ROOT
    from lvseg.studies.cohort import cohort, inputs
    from lvseg.studies.cohort.order import Order, model_facts
    from lvseg.studies.outputs.study_folder import Outputs

    paths = inputs.inputs(studies)
    threads = params.load(
        ROOT / "params.yaml"
    ).evaluate.threads  # studies lie anywhere, and so may the caller
    if model:
        facts = model_facts(model)
    else:
        from tracking.registry.champion import fetched

        found = fetched(version)
        model, facts = found.folder, model_facts(found.folder, found.version)
    outputs = Outputs(phases is Phases.ALL, nifti, contours)
    order = Order(out.resolve(), model.resolve(), facts, threads, series, outputs, with_ids)
    print(f"{len(paths)} inputs, {facts.words}", flush=True)
    summary = cohort.predict(paths, order, workers)
    print(cohort.words(summary, out))
    if track:
        from tracking.scores.predictions import log

        print(f"\nlogged in MLflow as the run {log(out, facts)}")
    sys.exit(_SOME_FAILED if summary.failed else 0)


if __name__ == "__main__":
    run(main)
