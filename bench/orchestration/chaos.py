"""`make chaos`: faults in the middle of real runs, and what is left of them. Names pick some of the faults.

Afterwards, each time: no process, no lock and no half-written file is left, nothing says that it runs, and the
next run completes with the weights of an undisturbed `dvc repro`, without a stage that had been done.
"""

import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from bench.orchestration.faults import FAULTS, mount_small_disk
from bench.orchestration.scene import SLOW, SOURCE, Site, problems, scene
from bench.rig import clones
from bench.rig.clones import TINY
from bench.rig.process import rig
from lvseg.core.command import run
from lvseg.core.errors import UserError

SILENCE = 75  # seconds after which a silent flow run counts as crashed; shipped with more patience
OF_THE_DISK = "disk-full"


def main(
    names: Annotated[
        list[str] | None, typer.Argument(help=f"Faults: {', '.join(FAULTS)}. All by default.")
    ] = None,
    keep: Annotated[bool, typer.Option(help="Leave the temporary folder, for a look at the logs.")] = False,
) -> None:
    """Do harm to runs, one fault after the other, and print a table."""
    for name in names or []:
        if name not in FAULTS:
            raise UserError(f"there is no fault {name}; they are {', '.join(FAULTS)}")
    with rig(keep) as folder:
        site = Site(folder)
        try:
            site.up("prefect")
            site.up("mlflow")
            reference = undisturbed(site)
            verdicts = [trial(site, name, reference) for name in names or FAULTS]
        finally:
            site.end()
    sys.exit(not all(verdicts))


def undisturbed(site: Site) -> dict[str, str]:
    """Deploy, and return the weights that `dvc repro` gives when nothing happens to it."""
    settings = {"PREFECT_API_URL": site.address("prefect")}
    plain = clones.first(site.rig, SOURCE, TINY, SLOW, **settings)
    plain.python("-m", "flows.deploy", "--gpu")
    sooner = (
        "import os; from datetime import timedelta; from flows.service.settings import environment;"
        "os.environ.update(environment()); from flows.deploy import crash_when_silent;"
        f"crash_when_silent(timedelta(seconds={SILENCE}))"
    )
    plain.python("-c", sooner)
    site.prefect().pause("watch-data/poll")  # it would start runs of its own
    plain.python("-m", "dvc", "repro", "evaluate", MLFLOW_TRACKING_URI=f"sqlite:///{site.rig}/plain.db")
    print("| fault | what happened | seconds | verdict |\n|---|---|---|---|", flush=True)
    return plain.weights()


def trial(site: Site, name: str, reference: dict[str, str]) -> bool:
    """Let one fault happen, and print its row of the table.

    Args:
        site: the servers.
        name: the name of the fault.
        reference: the weights hash of each model that nothing happened to.

    Returns:
        Whether nothing was left that should not be; a fault that cannot be made here counts as well.
    """
    began = time.monotonic()
    disk: Path | None = None
    try:
        if name == OF_THE_DISK:
            disk = mount_small_disk(site, name)
        with scene(site, name) as made:
            what = FAULTS[name](made)
            wrong = problems(made, reference)
    except UserError as error:
        what, wrong = " ".join(str(error).split()), [] if str(error).startswith("skipped") else ["see left"]
    finally:
        for server in ("prefect", "mlflow"):
            site.up(server)
        if disk:
            subprocess.run(["umount", "--lazy", str(disk)], check=True)
    row = f"| {name} | {what.replace('|', '/')} | {time.monotonic() - began:.0f} |"
    print(f"{row} {'ok' if not wrong else 'WRONG: ' + '; '.join(wrong)} |", flush=True)
    return not wrong


if __name__ == "__main__":
    run(main)
