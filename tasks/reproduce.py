"""Build a registered model again and compare its weights."""

import signal
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from lvseg.core.command import run
from lvseg.core.errors import UserError

if TYPE_CHECKING:
    from tracking.provenance.reproduction import Compared, Plan


def main(
    version: Annotated[
        str, typer.Argument(help="Number or alias (champion, challenger).", metavar="VERSION")
    ],
) -> None:
    """Build a version again from its commit and raw data, without any cache, and compare the weights."""
    from tracking.provenance import reproduction
    from tracking.registry.versions import MODEL, version_of
    from tracking.runs.required import required_store

    for number in (signal.SIGTERM, signal.SIGHUP):  # so that the worktree goes
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    registered = version_of(required_store(), version)
    title = f"{MODEL} v{registered.version}"
    plan = reproduction.plan(registered)
    print(f"{title} is built again:\n{describe(plan)}\n", flush=True)
    begin = time.monotonic()
    compared = reproduction.build_again(plan, lambda one: print(f"\n{line(one)}", flush=True))
    minutes, seconds = divmod(round(time.monotonic() - begin), 60)
    took = f"{minutes} min {seconds:02d} s"
    different = [one.name for one in compared if not one.same]
    print(f"\n{title}, built again in {took}:")
    print("\n".join(line(one) for one in compared), flush=True)
    if different:
        raise UserError(f"{title} is DIFFERENT: {', '.join(different)}")
    print(f"{title} is the same")


def describe(plan: "Plan") -> str:
    """Return what is going to be done, and what may differ from the first time."""
    raw = plan.raw
    source = (
        f"made by the stage {raw.stage}" if raw.stage else f"out of DVC's cache or remote, {plan.raw_hash}"
    )
    lines = [
        f"  code and parameters  {plan.commit}, in a temporary worktree",
        f"  raw data             {raw.path}, {source}",
        f"  stages               up to split, then {plan.stage}; without cache and checkpoints, recorded only there",
        f"  it was trained on    {plan.device}; another kind of machine gives other weights",
    ]
    if plan.other_libraries:
        lines.append(
            "  libraries            those installed here; the commit asks for others (requirements/runtime.lock), "
            "so weights may differ: run this command from a checkout of it"
        )
    return "\n".join(lines)


def line(one: "Compared") -> str:
    """Return a comparison in words."""
    if one.same:
        return f"  {one.name:<8} the same   {one.rebuilt}"
    return f"  {one.name:<8} DIFFERENT  recorded {one.recorded}, built again {one.rebuilt}"


if __name__ == "__main__":
    run(main)
