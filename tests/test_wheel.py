"""The wheel in an environment of its own, far from any clone: it holds `lvseg` alone, and its commands work there.

The environment has the wheel's `lvseg` and borrows the libraries of this one, by their folder in a .pth file: to
install a gigabyte of TensorFlow takes minutes. The editable `lvseg` of this environment stays behind, as the .pth
file that makes it is not read from a borrowed folder. That nothing but the declared libraries is needed is
therefore looked up in the sources.
"""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest

from lvseg.cli.commands import TOOLS
from lvseg.core.code.closure import PACKAGES, import_closure
from lvseg.shipped import VERSION
from tests.lvseg.labels.scd import Cine, write_layout
from tests.lvseg.studies.hearts import Heart, bright_model, classic
from tests.test_house import ROOT, tracked

BY_PLUGIN = {"pyarrow", "python-gdcm", "pylibjpeg", "pylibjpeg-openjpeg"}  # pandas and pydicom look for them


@dataclass(frozen=True)
class Elsewhere:
    """A folder outside any clone, an environment with the wheel, and an empty home."""

    folder: Path
    bin: Path

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
        surroundings = {**kept, "HOME": str(self.folder / "home")}
        program, *arguments = map(str, command)
        return subprocess.run(
            [self.bin / program, *arguments],
            cwd=self.folder, env=surroundings, capture_output=True, text=True, timeout=300,
        )  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a wheel, built offline from a copy: a build leaves folders in its sources."""
    folder = tmp_path_factory.mktemp("build")
    for path in tracked():
        place = path.relative_to(ROOT)
        if place.parts[0] in PACKAGES or len(place.parts) == 1:
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / place)
    uv = Path(sys.executable).with_name("uv")
    options = ["--quiet", "--wheel", "--offline", "--no-build-isolation", "--python", sys.executable]
    subprocess.run([uv, "build", *options, "--out-dir", folder / "dist"], cwd=folder, check=True)
    (built,) = (folder / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def elsewhere(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Elsewhere:
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "home").mkdir()
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv/bin/python"
    script = "import sysconfig; print(sysconfig.get_path('purelib'))"
    asked = subprocess.run([python, "-c", script], capture_output=True, text=True, check=True)
    Path(asked.stdout.strip(), "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    options = ["--quiet", "--offline", "--no-deps", "--python", str(python)]
    subprocess.run([Path(sys.executable).with_name("uv"), "pip", "install", *options, wheel], check=True)
    return Elsewhere(folder, python.parent)


def test_the_wheel_holds_lvseg_alone_with_its_data(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
    assert {name.split("/")[0] for name in names} == {
        "lvseg",
        f"{'-'.join(wheel.name.split('-')[:2])}.dist-info",
    }
    held = {path.relative_to(ROOT).as_posix() for path in tracked() if path.is_relative_to(ROOT / "lvseg")}
    assert {name for name in names if name.startswith("lvseg/")} == held


def test_nothing_of_the_repository_is_importable(elsewhere: Elsewhere) -> None:
    for name in sorted({*PACKAGES, "bench", "tests"} - {"lvseg"}):
        done = elsewhere.run("python", "-c", f"import {name}")
        assert f"No module named '{name}'" in done.stderr, name
    done = elsewhere.run("python", "-c", "import lvseg; print(lvseg.__file__)")
    assert done.stdout.startswith(str(elsewhere.folder)), done.stderr


def test_what_the_tools_and_the_python_api_import_is_declared() -> None:
    owners, stdlib = packages_distributions(), sys.stdlib_module_names
    entries = [*(f"lvseg.cli.{name}" for name in TOOLS), "lvseg.cli.app", "lvseg.studies.python_api"]
    files = {path for name in entries for path in import_closure(name)}
    used = {
        (name, path.as_posix())
        for path in files
        if path.suffix == ".py"
        for name in _imported(ROOT / path)
        if name not in stdlib and name not in PACKAGES
    } - {("yaml", "lvseg/cli/commands.py")}  # reads dvc.yaml, in a checkout
    core = {_named(line) for line in requires("lvseg") or [] if "extra ==" not in line}
    undeclared = [use for use in sorted(used) if not core & {owner.lower() for owner in owners[use[0]]}]
    assert not undeclared, f"libraries that belong into `dependencies` of pyproject.toml: {undeclared}"
    unused = core - {owner.lower() for name, _ in used for owner in owners[name]} - BY_PLUGIN
    assert not unused, f"libraries that belong into the extra `training`: {unused}"


def _imported(path: Path) -> Iterator[str]:
    """Yield the first part of the name of every module that a file imports, lazily or not."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


def _named(requirement: str) -> str:
    found = re.match(r"[\w.-]+", requirement)
    assert found
    return found[0].lower()


def test_version_and_help(elsewhere: Elsewhere) -> None:
    assert elsewhere.run("lvseg", "--version").stdout.startswith("lvseg ")
    shown = elsewhere.run("lvseg", "-h")
    assert shown.returncode == 0, shown.stderr
    listed = shown.stdout.partition("Tools:")[2].splitlines()
    assert [line.split()[0] for line in listed if line.startswith("  ")][: len(TOOLS)] == list(TOOLS)
    assert "clone of the repository" in shown.stdout and "Stages" not in shown.stdout


def test_what_belongs_to_a_clone_says_so(elsewhere: Elsewhere) -> None:
    refused = elsewhere.run("lvseg", "promote")
    assert refused.returncode == 1 and len(refused.stderr.splitlines()) == 1
    assert "`promote` outside a clone" in refused.stderr and "inspect and predict" in refused.stderr


def test_inspect(elsewhere: Elsewhere) -> None:
    write_layout(elsewhere.folder / "raw", "D", Cine())
    done = elsewhere.run("lvseg", "inspect", "--json", "raw")
    assert done.returncode == 0, done.stderr
    assert [facts["frames"] for facts in json.loads(done.stdout)["patients"]] == [15]


def test_predict_by_command_and_in_python(elsewhere: Elsewhere) -> None:
    heart = Heart(slices=5, phases=4, end_systole=3, patient="LEAKPAT")
    classic(elsewhere.folder / "study", heart)
    bright_model(elsewhere.folder / "bright")
    command = ["lvseg", "predict", "--out", "results", "--model", "bright", "study"]
    done = elsewhere.run(*command)
    assert done.returncode == 0, done.stderr
    (study,) = (elsewhere.folder / "results").glob("S*")
    measured = json.loads((study / "measurements.json").read_text())
    assert measured["ef_percent"] == pytest.approx(heart.ef, abs=2.5)
    assert {path.name for path in study.iterdir()} == {
        "cine.webp", "measurements.json", "report.html",
    }  # fmt: skip
    assert (study.parent / "private" / study.name / "segmentation.dcm").is_file()
    home = elsewhere.folder / "home"
    script = "import lvseg; print(lvseg.predict('study', 'bright').measurements.ef_percent)"
    called = elsewhere.run("python", "-c", script)
    assert float(called.stdout) == pytest.approx(measured["ef_percent"], abs=1e-3), called.stderr
    assert (home / ".local/share/lvseg/pseudonym.key").stat().st_mode & 0o077 == 0
    again = elsewhere.run(*command)
    assert again.returncode == 0 and "(as before)" in again.stdout, again.stderr
    shipped = elsewhere.run("lvseg", "predict", "--out", "first", "study")
    assert VERSION in shipped.stdout and "synthetic" not in shipped.stdout, shipped.stderr
    assert len(list((elsewhere.folder / "first").glob("S*/report.html"))) == 1
