"""Look for patients' names, ids and dates in all that is kept."""

from pathlib import Path
from typing import Annotated

import typer

from lvseg.core.command import run


def main(
    name: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="Name or id of a run; without it, all of them.")
    ] = None,
) -> None:
    """Look for the patients' data in all that is logged, registered and reported; fail where some is found."""

    from lvseg.core.code.git import is_checkout
    from lvseg.core.errors import UserError
    from lvseg.params import load
    from lvseg.privacy.raw import read_values
    from lvseg.privacy.scan import Scan, files_below
    from lvseg.privacy.search import Search
    from lvseg.privacy.values import Kind
    from tracking.runs.required import required_store
    from tracking.scores.results import find_run
    from tracking.server.contents import days_of, every_experiment, in_git, local_paths, shown_in

    params = load()
    for folder in params.data.places:
        if not folder.exists():
            raise UserError(
                f"data.raw: {folder} is not on this disk: run `dvc pull`, for what it holds is looked for"
            )
    raw_values = read_values(*params.data.places)
    raw = " and ".join(map(str, params.data.places))
    if not raw_values.files:
        raise UserError(f"data.raw: {raw} holds neither DICOM files nor tables: there is nothing to look for")
    print(f"read {raw_values.files:,} files of {raw}, {raw_values.unread:,} cannot be read", flush=True)
    store = required_store()
    one = find_run(store, name) if name else None
    stores = [store] if one else every_experiment(store)
    days = {day for each in stores for day in days_of(each, one)}
    public = raw_values.of_kind(Kind.PATIENT_ID) if params.data.ids_public else set()
    values = [value for value in raw_values.values if value.kind != Kind.DATE or value.text not in days]
    scan = Scan(Search(values, allowed=public))
    for path in (file for place in local_paths() for file in files_below(place)):
        scan.look_at("files on this machine", path)
    if is_checkout(Path()):
        for place, content in in_git(Path()):
            scan.look("git, all refs", f"git: {place}", content)
    for each in stores:
        for place, content in shown_in(each, one):
            scan.look(f"MLflow, run {name}" if name else "MLflow, all runs", place, content)
    for line in scan.report():
        print(line)
    if not scan.clean:
        raise UserError(
            f"{len(scan.finds)} finds, {len(scan.unopened)} files that cannot be opened: delete what is named "
            "above and make it anew (docs/privacy.md)"
        )
    print(
        "not looked at: pixels, what is private in results/ and .lvseg, program and pages in git, DVC's cache and "
        "remotes, Prefect's database but that of `make ui`, other ways of writing (docs/privacy.md)"
    )
    print(f"nothing found in {scan.contents.total():,} contents")


if __name__ == "__main__":
    run(main)
