"""The environment in which programs that we are compared with run, apart from ours."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from lvseg.core.errors import UserError
from lvseg.core.paths.places import ROOT, state_home

HERE = Path(__file__).parent


def run_peer(script: str, *arguments: object) -> dict[str, Any]:
    """Run a script of this folder with PyTorch, MONAI and nnU-Net, which are installed on first use.

    Args:
        script: the name of the script.
        arguments: of the script, written as text.

    Returns:
        The JSON object that the script prints as its last line.

    Raises:
        UserError: the environment cannot be made, or the script failed.
    """
    home = state_home() / "peers" / "torch"
    python = home / "bin" / "python"
    if not python.exists():
        print(
            f"making an environment for PyTorch, MONAI and nnU-Net in {home} (6 GB; 2 GB with PyTorch for CPUs)",
            flush=True,
        )
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    lock = str(HERE / "requirements.lock")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", lock]
    if subprocess.run(pip).returncode:
        raise UserError(f"PyTorch, MONAI and nnU-Net could not be installed into {home}: see above")
    command = [str(python), str(HERE / script), *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"{script} failed: {done.stderr.strip()[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer
