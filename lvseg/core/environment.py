"""The environment of the commands that we start."""

import os
import sys
from pathlib import Path

# What a run that surrounds us, or a git hook, tells its own processes: in another checkout it would mislead.
OF_A_RUN = ("GIT_", "LVSEG_", "MLFLOW_", "PREFECT_", "PYTHONPATH")


def command_environment(without: tuple[str, ...] = (), **settings: str) -> dict[str, str]:
    """Return this process's environment for a command, with the programs of this interpreter first on its PATH.

    `dvc` and `python` are then those of the same virtual environment, whether it was activated or not.

    Args:
        without: beginnings of the names of variables that are left out.
        settings: variables to set; they win over those of this process.

    Example:
        >>> subprocess.run(["dvc", "status"], env=command_environment(OF_A_RUN, DVC_NO_ANALYTICS="1"))
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(without)}
    programs = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', os.defpath)}"
    return {**kept, "PATH": programs, **settings}
