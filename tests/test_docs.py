"""What the pages for developers name is there: paths and modules, by the names that they have now."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PATH = re.compile(
    r"(?:lvseg|tracking|flows|tasks|tests|bench|requirements|docs|mlflow)(?:/[\w-]+(?:\.\w+)*)+/?"
)
MODULE = re.compile(r"(?:lvseg|tracking|flows)(?:\.[a-z_]\w*)+")


def is_module(name: str) -> bool:
    """Whether a dotted name is a module or a package of this repository."""
    base = ROOT / name.replace(".", "/")
    return base.is_dir() or base.with_suffix(".py").is_file()


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md", "docs/licences.md"])
def test_paths_and_modules_that_a_page_names_are_there(page: str) -> None:
    code = re.findall(r"`([^`\n]+)`", (ROOT / page).read_text(encoding="utf-8"))
    keys = {"tracking.required"}  # of params.yaml
    missing = [name for name in code if PATH.fullmatch(name) and not (ROOT / name).exists()]
    missing += [name for name in code if MODULE.fullmatch(name) and name not in keys and not is_module(name)]
    assert not missing, f"{page} names what is not there: {', '.join(missing)}"
