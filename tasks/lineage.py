"""Say what made a registered model, and whether it all exists."""

from typing import Annotated

import typer

from lvseg.core.command import run
from lvseg.core.errors import UserError


def main(
    version: Annotated[
        str, typer.Argument(help="Number or alias (champion, challenger).", metavar="VERSION")
    ],
) -> None:
    """Follow a version back to its run, commit, data, parameters and test, and check that each still exists."""
    from tracking.provenance import chain
    from tracking.registry.versions import MODEL, version_of
    from tracking.runs.required import required_store

    store = required_store()
    registered = version_of(store, version)
    print(f"{MODEL} v{registered.version} {' '.join(registered.aliases)}".rstrip())
    links = chain.chain(store, registered)
    for link in links:
        remark = f"  {link.remark}" if link.remark else ""
        print(f"{link.state:<8} {link.name:<10} {link.value}{remark}", flush=True)
    missing = [link.name for link in links if link.state == chain.MISSING]
    if missing:
        raise UserError(f"{MODEL} v{registered.version}: not to be found as recorded: {', '.join(missing)}")


if __name__ == "__main__":
    run(main)
