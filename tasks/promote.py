"""Register the best model; champion if it is surely better."""

from typing import Annotated

import typer

from lvseg.core.command import run


def main(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[RUN]", help="Name or id of a run; without it, the best model in reports/."),
    ] = None,
) -> None:
    """Make a model the challenger, and champion if the rules in params.yaml (`promotion`) allow."""
    from pathlib import Path

    from lvseg import params
    from lvseg.core.own_lines import say
    from tracking.registry import last_decision, promotion
    from tracking.runs.required import required_store
    from tracking.scores.rescoring import rescored
    from tracking.scores.results import find_run

    settings, here = params.load(), Path()
    store = required_store()
    candidate = (
        find_run(store, name) if name else promotion.candidate(store, here / "models", here / "reports")
    )
    outcome = promotion.promote(
        store, candidate, settings.promotion, rescored, here / "models", named=name is not None
    )
    if name is None:
        last_decision.keep(here, outcome)
    say(outcome.words)


if __name__ == "__main__":
    run(main)
