"""The rules of the house that .importlinter does not hold: what is loaded, and that dvc.yaml, tasks/ and the command
line say the same."""

import configparser
import re
import subprocess
import sys
from itertools import groupby
from pathlib import Path

import pytest
import yaml

from lvseg.cli.commands import TOOLS, commands
from lvseg.core.code.closure import PACKAGES, computing_closure
from lvseg.shipped import MOST_BYTES

ROOT = Path(__file__).parent.parent
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
COMMANDS = {
    "compare",
    "demo",
    "erase",
    "inspect",
    "lineage",
    "log",
    "predict",
    "privacy",
    "promote",
    "repro",
    "reproduce",
    "rollback",
    "ship",
}  # tasks that are no stage
TASKS = [path.stem for path in sorted((ROOT / "tasks").glob("[!_]*.py"))]
HEAVY = ("tensorflow", "keras", "mlflow", "prefect", "dvc", "matplotlib", "pandas", "scipy", "skimage")


def tracked() -> list[Path]:
    """The files that git holds, and those that it would take."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def test_tasks_start_light() -> None:
    """`--help` and a stage's start pay for nothing that they do not use; counts what modules import in turn."""
    script = (
        "import importlib, sys\n"
        f"for name in {[f'tasks.{name}' for name in TASKS] + [f'lvseg.cli.{name}' for name in TOOLS]}:\n"
        "    importlib.import_module(name)\n"
        f"    heavy = [module for module in {HEAVY} if module in sys.modules]\n"
        "    assert not heavy, f'{name} imports {heavy} before it is used'\n"
        "import lvseg.comparison.write_page, lvseg.evaluation.scored, lvseg.studies.analysis.analyse\n"
        "assert not {'tensorflow', 'keras'} & sys.modules.keys(), 'what asks no network loads none'\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_flows_start_without_tensorflow_and_hide_no_package() -> None:
    """Prefect puts the folder of a flow on the path: nothing there may have the name of a library or of Python."""
    names = sorted({path.stem for path in (ROOT / "flows").iterdir() if not path.name.startswith("_")})
    assert {"retrain", "pipeline"} <= set(names), "modules and packages"
    script = (
        "import importlib, importlib.util, sys\n"
        f"for name in {names}:\n"
        "    importlib.import_module('flows.' + name)\n"
        "    assert importlib.util.find_spec(name) is None, f'flows/{name} has the name of a library'\n"
        "heavy = [name for name in ('tensorflow', 'keras', 'mlflow', 'matplotlib') if name in sys.modules]\n"
        "assert not heavy, f'flows import {heavy}'\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_folder_mlflow_hides_no_package() -> None:
    own = [path for path in tracked() if path.is_relative_to(ROOT / "mlflow")]  # artifacts lie there, too
    assert own and not [path for path in own if path.suffix == ".py"]
    script = "import importlib.util; print(importlib.util.find_spec('mlflow').origin)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    origin = Path(done.stdout.strip())
    assert origin.name == "__init__.py", "the folder mlflow/ hides the installed package"
    assert origin.parent != ROOT / "mlflow"


@pytest.mark.parametrize("stage", STAGES)
def test_code_dependencies_are_the_import_closure(stage: str) -> None:
    """A stage runs again when its own code or the lock file changes, and not when any other code does."""
    deps = [dep if isinstance(dep, str) else next(iter(dep)) for dep in STAGES[stage]["deps"]]
    declared = [dep for dep in deps if dep.split("/")[0] in (*PACKAGES, "requirements", "bench", "tests")]
    closure = [path.as_posix() for path in computing_closure(f"tasks.{stage.replace('-', '_')}")]
    wanted = [*closure, "requirements/runtime.lock"]
    assert sorted(declared) == sorted(wanted), f"code deps of {stage} in dvc.yaml must be:\n" + "\n".join(
        f"      - {path}" for path in wanted
    )


def test_stages_tasks_and_commands_are_the_same() -> None:
    assert {stage: STAGES[stage]["cmd"] for stage in STAGES} == {
        stage: f"python -m tasks.{stage.replace('-', '_')}" for stage in STAGES
    }
    assert {name.replace("_", "-") for name in TASKS} == set(STAGES) | COMMANDS
    assert set(commands()) == set(STAGES) | COMMANDS | set(TOOLS)


def test_the_drawing_of_the_house_has_its_layers_and_its_table_every_package() -> None:
    rules = configparser.ConfigParser()
    rules.read(ROOT / ".importlinter", encoding="utf-8")
    lines = rules["importlinter:contract:domain"]["layers"].split("\n")
    layers = [sorted(line.replace(" ", "").split("|")) for line in lines if line]
    drawing = (ROOT / "docs/images/house.svg").read_text(encoding="utf-8")
    named = re.findall(r'<text class="n" x="[^"]*" y="(\d+)"[^>]*>(\w+)</text>', drawing)
    rows = groupby(sorted((int(y), name) for y, name in named), key=lambda entry: entry[0])
    assert [[name for _, name in row] for _, row in rows] == layers
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    missing = [
        name for layer in layers for name in layer if not re.search(rf"^\|.*`(lvseg)?\.{name}`", page, re.M)
    ]
    assert not missing, f"docs/architecture.md, What each package holds: nothing of {', '.join(missing)}"


def test_git_holds_no_data_and_locks_name_no_index() -> None:
    models = set((ROOT / "lvseg/shipped").glob("*/model.keras"))
    large = [str(path) for path in set(tracked()) - models if path.stat().st_size > 1_000_000]
    assert all(path.stat().st_size <= MOST_BYTES for path in models)
    assert not large, f"more than 1 MB, does data sit in git? {large}"
    for lock in (ROOT / "requirements").glob("*.lock"):
        assert "://" not in lock.read_text(encoding="utf-8"), lock
