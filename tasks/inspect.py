"""Say what a folder or an archive holds and what cannot be used."""

from typing import Annotated

import typer

from lvseg.cli import inspect
from lvseg.core.command import run


def main(
    paths: inspect.Paths,
    json: inspect.Json = False,
    first_pixel: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=1,
            help="Coordinate of the first pixel's centre in contour files, instead of data.first_pixel.",
        ),
    ] = None,
    label: inspect.Labels = None,
    workers: inspect.Workers = 2,
) -> None:
    """Say what folders or archives hold, read as params.yaml says (data.labels, data.first_pixel)."""
    from lvseg import params
    from lvseg.core.paths.places import ROOT

    data = params.load(ROOT / "params.yaml").data
    first = data.first_pixel if first_pixel is None else first_pixel
    labels = {str(name): word for name, word in data.labels.items()} | inspect.named(label)
    inspect.run(paths, json, first, labels, workers)


if __name__ == "__main__":
    run(main)
