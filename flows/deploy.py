"""Tell a Prefect server what there is to run: work pools, the deployments of prefect.yaml, two automations.

`python -m flows.deploy` may be run again at any time; what is there already is brought up to date.
"""

import os
import re
import subprocess
import sys
from collections.abc import Collection, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from flows.service import pools
from flows.service.settings import FLOWS, SILENCE, START, environment, no_server
from flows.workspace.repository import resolve
from lvseg.core.command import run
from lvseg.core.errors import UserError
from lvseg.core.paths.places import ROOT

GPU = "gpu"
POOLS = {
    "local": "Extraction, evaluation, and trainings without a GPU.",
    GPU: "Trainings, one per GPU. Not ready until a worker runs: python -m flows.worker --pool gpu --gpu 0",
}
MANY = 200  # work pools: the most that Prefect returns at once
# Names of the automations.
SILENT = "lvseg: a flow run that fell silent has crashed"
NEVER_BEGAN = "lvseg: a flow run that never began has crashed"
_NAME = re.compile(r"Deployment '([^']+)' successfully")


def main(
    gpu: Annotated[
        bool, typer.Option("--gpu", help="Also the pool gpu, where this machine has no GPU and others have.")
    ] = False,
) -> None:
    """Create or update the work pools, the deployments and the automations on the Prefect server."""
    print(f"deployed {resolve(None)[:12]}: {', '.join(deploy(gpu))}")


def deploy(gpu: bool) -> list[str]:
    """Deploy to the server that `environment` names; return the names of the deployments.

    Without a worker a pool stands red on Prefect's pages. So that of GPUs, and what is deployed to it, is made where
    there is a GPU or somebody asks for it; once there, it is kept up to date.

    Args:
        gpu: whether to make the pool `gpu` all the same.

    Raises:
        UserError: the server does not answer, or refuses.
    """
    os.environ.update(environment())
    pools = _pools(gpu or any(Path("/dev").glob("nvidia[0-9]*")))
    names = _deployments(pools)
    crash_when_silent(timedelta(seconds=SILENCE))
    _crash_when_nothing_follows(NEVER_BEGAN, "prefect.flow-run.Pending", timedelta(seconds=START))
    return names


def _pools(gpu: bool) -> set[str]:
    """Make the work pools that are missing, and close those of processes that take a command from a flow run.

    Else those that are there keep what was set on them. Return the names of all that are there.

    Args:
        gpu: whether to make that of GPUs.

    Raises:
        UserError: the server does not answer.
    """
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate

    with get_client(sync_client=True) as client:
        try:
            there = {pool.name: pool for pool in client.read_work_pools(limit=MANY)}
            wanted_names = [name for name in _named_pools() if gpu or name != GPU]
            for name in wanted_names:
                if name not in there:
                    wanted = WorkPoolCreate(
                        name=name,
                        description=POOLS.get(name, ""),
                        type=pools.TYPE,
                        base_job_template=pools.default(),
                    )
                    client.create_work_pool(wanted)
            for name, pool in there.items():
                if pool.type == pools.TYPE and pools.is_open(pool.base_job_template):
                    closed = WorkPoolUpdate(base_job_template=pools.closed(pool.base_job_template))
                    client.update_work_pool(name, closed)
        except httpx.HTTPError as error:
            raise no_server(error) from None
    return {*there, *wanted_names}


def _named_pools() -> list[str]:
    """Return the names of the pools that prefect.yaml deploys to."""
    return list(dict.fromkeys([*POOLS, *(one["work_pool"]["name"] for one in _described())]))


def _deployments(pools: Collection[str]) -> list[str]:
    """Deploy what prefect.yaml describes, in the version that git has; return the names.

    Args:
        pools: of ours, that are there; what wants another one of ours is left out.

    Raises:
        UserError: Prefect refuses; the message is its reason.
    """
    surroundings = {**environment(), "LVSEG_VERSION": resolve(None)[:12]}
    surroundings["COLUMNS"] = "200"  # or Prefect breaks the lines that `_NAME` looks for
    del surroundings["LVSEG_REPOSITORY"]  # each worker has its own: the deployment must keep the variable
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy"]
    wanted = [one for one in _described() if one["work_pool"]["name"] not in POOLS.keys() - pools]
    command += ["--all"] if len(wanted) == len(_described()) else _named(one["name"] for one in wanted)
    done = subprocess.run(command, cwd=ROOT, env=surroundings, capture_output=True, text=True)
    said = done.stdout + done.stderr
    if done.returncode:
        raise UserError(f"prefect.yaml was not deployed: {' '.join(said.rpartition('╯')[2].split())}")
    return _NAME.findall(said)


def _described() -> list[dict[str, Any]]:
    """Return the deployments of prefect.yaml."""
    described: list[dict[str, Any]] = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))[
        "deployments"
    ]
    return described


def _named(names: Iterable[str]) -> list[str]:
    """Return the options by which `prefect deploy` takes these deployments alone."""
    return [word for name in names for word in ("--name", name)]


def crash_when_silent(silence: timedelta) -> None:
    """Let the server mark a flow run of ours as crashed when it has shown no sign of life for `silence`."""
    _crash_when_nothing_follows(SILENT, "prefect.flow-run.heartbeat", silence)


def _crash_when_nothing_follows(name: str, last: str, silence: timedelta) -> None:
    """Let the server mark a flow run of ours as crashed when nothing has followed an event for some time.

    Args:
        name: of the automation, which is made or brought up to date.
        last: the event, such as `prefect.flow-run.heartbeat`.
        silence: the time without a further event of the run.
    """
    from prefect.automations import Automation
    from prefect.client.schemas.objects import StateType
    from prefect.events.actions import ChangeFlowRunState
    from prefect.events.schemas.automations import EventTrigger, Posture

    wanted: Any = Automation(  # the types speak of coroutines; without a loop they are plain calls
        name=name,
        description="Its process was ended by force, or its machine is gone. The next run goes on from there.",
        trigger=EventTrigger(
            match={"prefect.resource.id": "prefect.flow-run.*"},
            match_related={"prefect.resource.role": "flow", "prefect.resource.name": list(FLOWS)},
            for_each={"prefect.resource.id"},
            after={last},
            expect={"prefect.flow-run.*"},
            posture=Posture.Proactive,
            threshold=1,
            within=silence,
        ),
        actions=[
            ChangeFlowRunState(
                name=None,
                state=StateType.CRASHED,
                message=f"no sign of life for {silence.total_seconds():.0f} s",
                force=False,  # or a sign of life that arrives late would make a completed run a crashed one
            )
        ],
    )
    try:
        there: Any = Automation.read(name=name)
    except ValueError:
        wanted.create()
        return
    there.trigger, there.actions, there.description = wanted.trigger, wanted.actions, wanted.description
    there.update()


if __name__ == "__main__":
    run(main)
