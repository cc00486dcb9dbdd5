"""The environment of this process and of the commands that we start: no other repository, our own servers in reach."""

import os
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path

# What a run that surrounds us tells its own processes: in another checkout it would mislead.
OF_A_RUN = ("LVSEG_", "MLFLOW_", "PREFECT_", "PYTHONPATH")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
_NO_PROXY = ("no_proxy", "NO_PROXY")


def command_environment(without: tuple[str, ...] = (), **settings: str) -> dict[str, str]:
    """Return this process's environment for a command, with the programs of this interpreter first on its PATH.

    `dvc` and `python` are then those of the same virtual environment, whether it was activated or not. They work on the
    repository that they lie in, and reach our servers on loopback, whatever proxy there is.

    Args:
        without: beginnings of the names of variables that are left out.
        settings: variables to set; they win over those of this process.

    Example:
        >>> subprocess.run(["dvc", "status"], env=command_environment(OF_A_RUN, DVC_NO_ANALYTICS="1"))
    """
    kept = {name: value for name, value in without_git(os.environ).items() if not name.startswith(without)}
    programs = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', os.defpath)}"
    environment = {**kept, "PATH": programs, **settings}
    reach_loopback(environment)
    return environment


def without_git(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without what would lead git to another repository, such as a hook's GIT_DIR; SSH stays."""
    return {
        name: value for name, value in environment.items() if not name.startswith("GIT_") or "SSH" in name
    }


def reach_loopback(environment: MutableMapping[str, str]) -> None:
    """Let no proxy stand before servers of this machine, in an environment that may name one (HTTP_PROXY).

    What was exempt stays so. Both spellings get all: each library reads another one first.
    """
    exempt = [host.strip() for name in _NO_PROXY for host in environment.get(name, "").split(",")]
    everything = ",".join(dict.fromkeys(host for host in (*exempt, *LOOPBACK) if host))
    environment.update(dict.fromkeys(_NO_PROXY, everything))
