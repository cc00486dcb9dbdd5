"""Say what a folder or an archive holds and what cannot be used."""

import sys
from collections.abc import Mapping, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from lvseg.core.errors import UserError

# The options, for this command and for that of the repository, which knows params.yaml, too.
Paths = Annotated[list[Path], typer.Argument(help="Folders or zip archives.", metavar="PATH...")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Labels = Annotated[
    list[str] | None,
    typer.Option(
        "--label",
        metavar="LABEL=STRUCTURE",
        help="Meaning of a label that no code or name tells, such as 3=cavity; once for each.",
    ),
]
Workers = Annotated[int, typer.Option(min=1, help="Processes.")]


def main(
    paths: Paths,
    json: Json = False,
    first_pixel: Annotated[
        int, typer.Option(min=0, max=1, help="Coordinate of the first pixel's centre in contour files.")
    ] = 1,
    label: Labels = None,
    workers: Workers = 2,
) -> None:
    """Say what folders or archives hold: series chosen and why, labels, ED/ES, quality flags, files set aside."""
    run(paths, json, first_pixel, named(label), workers)


def named(labels: Sequence[str] | None) -> dict[str, str]:
    """Return the meanings that a user gives to labels, from texts such as `3=cavity`.

    Raises:
        UserError: a text has another form.
    """
    pairs = [text.rpartition("=") for text in labels or ()]
    for label, _, structure in pairs:
        if not label:
            raise UserError(f"--label {structure}: write it as LABEL=STRUCTURE, such as 3=cavity")
    return {label.strip(): structure.strip() for label, _, structure in pairs}


def run(paths: Sequence[Path], json: bool, first_pixel: int, labels: Mapping[str, str], workers: int) -> None:
    """Print what folders or archives hold.

    Args:
        paths: of folders and archives.
        json: for machines.
        first_pixel: coordinate of the first pixel's centre in contour files.
        labels: meanings of labels that no code or name tells.
        workers: processes.

    Raises:
        UserError: a path does not exist, a meaning is no structure, or there is no usable patient.
    """
    from json import dumps

    for path in paths:
        if not path.exists():
            raise UserError(f"{path} does not exist")

    from lvseg.labels.inspection import inspect
    from lvseg.labels.patient_summary import describe, shared_notes, totals
    from lvseg.labels.sources.structures import table_of

    table = table_of(labels)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files may hold anything
    inspected = inspect(paths, first_pixel, workers, table)
    if json:
        print(dumps(inspected, indent=2))
    else:
        shared = shared_notes(inspected["patients"])
        for facts in inspected["patients"]:
            print(describe(facts, shared.get(facts["collection"], ())))
        if inspected["set_aside"]:
            print(f"set aside: {len(inspected['set_aside'])}")
        for entry in inspected["set_aside"]:
            print(f"  {entry['file']}: {entry['reason']}")
        for entry in inspected["known"]:
            print(f"{entry['file']}: {entry['reason']}")
        print(*totals(inspected["patients"]), inspected["summary"], sep="\n")
    if not any(facts["frames"] for facts in inspected["patients"]):
        raise UserError(f"no usable patient in {', '.join(map(str, paths))}")
