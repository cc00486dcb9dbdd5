"""Compare runs on one test set: intervals and differences."""

from pathlib import Path
from typing import Annotated

import typer

from lvseg.core.command import run


def main(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN...]",
            help="Names or ids; none: the newest run of each model on the newest test set.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("comparison.html"),
) -> None:
    """Print means with intervals and paired differences of runs, and write them with pictures to one page."""
    import tempfile

    from lvseg import params
    from lvseg.core import backend

    settings = params.load()
    backend.prepare(settings.evaluate.threads, seed=0)

    from lvseg.comparison.compare import compare
    from lvseg.comparison.comparison_page import terminal
    from lvseg.comparison.write_page import write_page
    from tracking.runs.required import required_store
    from tracking.scores import comparison

    store = required_store()
    results = comparison.results(store, runs or [])
    compared = comparison.entries(store, results)
    told = compare(compared, comparison.synthetic(results))
    print(terminal(told))
    examples = comparison.test_slices(results[0].test_hash, settings.quality.drop_from_test)
    if not examples:
        print(
            "\nno pictures of slices: data/ does not hold the test set of these runs (`dvc pull` brings it)"
        )
    with tempfile.TemporaryDirectory() as folder:
        models = comparison.models(results, Path(folder)) if examples else []
        write_page(out, told, compared, models, examples)
    print(f"\n{out}  the same with pictures, for any browser")


if __name__ == "__main__":
    run(main)
