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
    from tracking.registry.living_run import living_run
    from tracking.registry.versions import MODEL, version_of
    from tracking.runs.required import required_store
    from tracking.scores.results import summary_of

    for number in (signal.SIGTERM, signal.SIGHUP):  # so that the worktree goes
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    store = required_store()
    registered = version_of(store, version)
    title = f"{MODEL} v{registered.version}"
    made_by = living_run(store, registered)
    plan = reproduction.plan(registered, summary_of(store, made_by) if made_by else {})
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
    hashes = plan.raw_hashes or ("",) * len(plan.raw)
    sources = [
        f"made by the stage {raw.stage}" if raw.stage else f"out of DVC's cache or remote, {value}"
        for raw, value in zip(plan.raw, hashes, strict=True)
    ]
    lines = [
        f"  code and parameters  {plan.commit}, in a temporary worktree",
        *(
            f"  raw data             {raw.path}, {source}"
            for raw, source in zip(plan.raw, sources, strict=True)
        ),
        f"  stages               up to split, then {plan.stage}; without cache and checkpoints, recorded only there",
        f"  it was trained on    {plan.device}; another kind of machine gives other weights",
    ]
    lines += [f"  surroundings         {words}" for words in other_surroundings(plan)]
    if plan.other_libraries:
        lines.append(
            "  libraries            those installed here; the commit asks for others (requirements/runtime.lock), "
            "so weights may differ: run this command from a checkout of it"
        )
    return "\n".join(lines)


def other_surroundings(plan: "Plan") -> list[str]:
    """Return in what this machine and its environment differ from those of the training, as far as they are known."""
    import os

    from lvseg.core import kernels

    here, there = kernels.processor(), plan.processor
    _, ignored = kernels.without_choices(os.environ)
    words = [f"{name}={value}, as recorded" for name, value in plan.surroundings.items()]
    words += [
        f"{name} is set here and not heeded"
        for name in [*kernels.told(), *ignored]
        if name not in plan.surroundings
    ]
    if not there:
        words.append("its processor was not recorded; another kind gives other weights")
    elif here != there:
        words += [
            f"processor here    {here}",
            f"processor of then {there}: weights may differ in their last digits",
        ]
    return words


def line(one: "Compared") -> str:
    """Return a comparison in words."""
    if one.same:
        return f"  {one.name:<8} the same   {one.rebuilt}"
    return f"  {one.name:<8} DIFFERENT  recorded {one.recorded}, built again {one.rebuilt}"


if __name__ == "__main__":
    run(main)
