"""The units that docs/systemd ships: hardened, each server with a user of its own, none without its password."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.project import ROOT

UNITS = sorted((ROOT / "docs/systemd").glob("*.service"))
WANTED = {"NoNewPrivileges": "yes", "ProtectSystem": "strict", "PrivateTmp": "yes", "UMask": "0077"}
WORST = 2.5  # of 10, as systemd counts what a service could do


def service(path: Path) -> dict[str, str]:
    """Return the settings of a service; of one that stands several times, the last."""
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(path.read_text())
    return dict(unit["Service"])


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_keeps_to_what_it_needs(path: Path) -> None:
    told = service(path)
    assert WANTED.items() <= told.items()
    # The score forgives one of these alone.
    assert {"CapabilityBoundingSet", "RestrictAddressFamilies", "SystemCallFilter"} <= told.keys()
    analyze = shutil.which("systemd-analyze")
    if not analyze:
        pytest.skip("systemd-analyze is not installed")
    command = [analyze, "security", "--offline=yes", "--no-pager", str(path)]
    said = subprocess.run(command, capture_output=True, text=True).stdout
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert found and float(found[1]) <= WORST, said


def test_servers_share_no_user_and_prefect_needs_its_password() -> None:
    units = {path.stem: service(path) for path in UNITS}
    users = {name: told["User"] for name, told in units.items()}
    assert users["lvseg-prefect"] != users["lvseg-mlflow"]
    assert users["lvseg-local"] == users["lvseg-gpu@"] not in {users["lvseg-prefect"], users["lvseg-mlflow"]}
    for name in ("lvseg-prefect", "lvseg-mlflow"):
        assert "/srv/lvseg/repo/data" in units[name]["InaccessiblePaths"]
    prefect = units["lvseg-prefect"]
    assert prefect["EnvironmentFile"] == "/etc/lvseg-server.env", "a dash would let it start without the file"
    assert "flows.server" in prefect["ExecStart"] and "0.0.0.0" not in prefect["ExecStart"]
