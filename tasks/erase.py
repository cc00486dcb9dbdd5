"""Take one patient out of all that is stored."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lvseg.core.command import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracking.erasure.erasure import Plan

_OUT_OF_REACH = (
    "out of reach from here: other clones and their caches, copies on workers, backups, Prefect's database, and what "
    "was sent to others (docs/privacy.md)"
)


def main(
    patient: Annotated[
        str, typer.Argument(help="An id of the patient, or the pseudonym.", metavar="PATIENT")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without it, say what would go.")] = False,
    results: Annotated[
        list[Path] | None,
        typer.Option(help="Another folder with outputs of predict than results/; may be repeated."),
    ] = None,
) -> None:
    """Take one patient out of raw data, shards, DVC's stores, MLflow and results; name the models that knew him."""
    from lvseg.core.errors import UserError
    from lvseg.params import load
    from tracking.erasure import erasure
    from tracking.runs.required import required_store

    places, store = load().data.places, required_store()
    plan = erasure.plan(Path(), places, patient, store, results or [])
    for line in described(plan):
        print(line, flush=True)
    if plan.empty and not plan.left:
        where = " or ".join(map(str, places))
        raise UserError(f"there is no patient {patient} in {where}, and nothing of that name is stored")
    if not yes:
        print(f"nothing was changed: the same command with --yes does it\n{_OUT_OF_REACH}")
        return
    erasure.erase(plan, store)
    pointers = " and ".join(f"{path}.dvc" for path in plan.tracked)
    print(
        f"erased. Commit {pointers}, then `dvc push` and `make repro`: that trains anew without him\n{_OUT_OF_REACH}"
    )
    if plan.left:
        raise UserError("what is LEFT, see above, is yours to mend")


def described(plan: "Plan") -> "Iterator[str]":
    """Yield what holds the patient, place by place, and the models that knew him."""
    from collections import Counter

    yield f"{sorted(plan.patient.ids)[0]}, also stored as {', '.join(sorted(plan.patient.names - plan.patient.ids))}"
    yield f"  raw data: {len(plan.patient.files):,} files, rows of {len(plan.tables)} tables"
    for name, oids in plan.held.items():
        yield f"  DVC, {name}: {len(oids):,} objects"
    yield f"  outs on this machine: {len(plan.data.files):,} files"
    yield f"  .lvseg: {len(plan.state):,} kept extractions and records"
    kinds = Counter(trace.kind for trace in plan.mlflow)
    count = len({trace.run_id for trace in plan.mlflow})
    yield (
        f"  MLflow: {count} runs: rows of {kinds['rows']} tables, {kinds['file']} pages, pictures and files, "
        f"{kinds['tag']} tags"
    )
    for folder, studies in plan.studies.items():
        yield f"  {folder}: {', '.join(studies)}"
    if plan.traces.too_short:
        short = ", ".join(plan.traces.too_short)
        yield f"  too short to be looked for within files, only in their names and in tables: {short}"
    for line in plan.learnt:
        yield f"MODEL {line}"
    for line in plan.left:
        yield f"LEFT {line}"


if __name__ == "__main__":
    run(main)
