"""Segment studies: masks, volumes and ejection fractions."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from lvseg.cli import predict
from lvseg.core.command import run

CHAMPION = "champion"  # alias of the registered model in use


def main(
    studies: predict.Studies,
    out: predict.Out,
    model: Annotated[
        Path | None,
        typer.Option(help="Folder of a model, such as models/unet, instead of the registered one."),
    ] = None,
    version: Annotated[str, typer.Option(help="Number or alias of the registered model.")] = CHAMPION,
    series: predict.Series = None,
    phases: predict.Drawn = predict.Phases.ALL,
    nifti: predict.Nifti = False,
    contours: predict.Contours = False,
    with_ids: predict.WithIds = False,
    deidentify: predict.Deidentify = False,
    dates: predict.Dates = False,
    height: predict.Height = None,
    weight: predict.Weight = None,
    workers: predict.Workers = 1,
    track: Annotated[bool, typer.Option("--track", help="Log a summary without patients in MLflow.")] = False,
) -> None:
    """Find the short-axis cine of each study, segment it with the champion, and write what is measured."""
    from lvseg import params
    from lvseg.core.paths.places import ROOT
    from lvseg.studies.cohort.inputs import inputs
    from lvseg.studies.cohort.order import Order, model_facts
    from lvseg.studies.outputs.study_folder import Outputs

    paths = inputs(studies)
    outputs = Outputs(phases is predict.Phases.ALL, nifti, contours, deidentify, dates).checked()
    body = predict.body_of_one(paths, height, weight)
    # Studies lie anywhere, and so may the caller.
    threads = params.load(ROOT / "params.yaml").evaluate.threads
    if model:
        facts = model_facts(model)
    else:
        from tracking.registry.champion import NoSuchVersionError, fetched

        try:
            champion = fetched(version)
            model = champion.folder
            facts = model_facts(champion.folder, champion.version, champion.tested, champion.errors)
        except NoSuchVersionError:
            if version != CHAMPION:
                raise
            print(
                "no champion is registered here: the model that comes with the program is taken", flush=True
            )
            model, facts = predict.start_model()
    order = Order(out.resolve(), model.resolve(), facts, threads, series, outputs, with_ids, body)
    status = predict.run(paths, order, out, workers)
    if track:
        from tracking.scores.predictions import log

        print(f"\nlogged in MLflow as the run {log(out, facts)}")
    sys.exit(status)


if __name__ == "__main__":
    run(main)
