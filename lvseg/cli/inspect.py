"""Say what a folder or an archive holds and what cannot be used."""

import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from lvseg.core.errors import UserError


def main(
    paths: Annotated[list[Path], typer.Argument(help="Folders or zip archives.", metavar="PATH...")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
    first_pixel: Annotated[
        int, typer.Option(min=0, max=1, help="Coordinate of the first pixel's centre in contour files.")
    ] = 1,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 2,
) -> None:
    """Say what folders or archives hold: series chosen and why, contours, ED/ES, quality flags, files set aside."""
    from json import dumps

    for path in paths:
        if not path.exists():
            raise UserError(f"{path} does not exist")

    from lvseg.labels.inspection import inspect
    from lvseg.labels.patient_summary import describe

    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files may hold anything
    inspected = inspect(paths, first_pixel, workers, {})
    if json:
        print(dumps(inspected, indent=2))
    else:
        for facts in inspected["patients"]:
            print(describe(facts))
        if inspected["set_aside"]:
            print(f"set aside: {len(inspected['set_aside'])}")
        for entry in inspected["set_aside"]:
            print(f"  {entry['file']}: {entry['reason']}")
        for entry in inspected["known"]:
            print(f"{entry['file']}: {entry['reason']}")
        print(inspected["summary"])
    if not any(facts["frames"] for facts in inspected["patients"]):
        raise UserError(f"no usable patient in {', '.join(map(str, paths))}")
