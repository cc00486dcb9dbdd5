"""What the pages name is there: paths and modules, by the names that they have now."""

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


PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "mlflow/README.md"]
PAGES += sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))
NAMED_BEFORE = {"lvseg/shipped/sunnybrook-2"}  # of the next model that comes along


@pytest.mark.parametrize("page", PAGES)
def test_paths_and_modules_that_a_page_names_are_there(page: str) -> None:
    code = re.findall(r"`([^`\n]+)`", (ROOT / page).read_text(encoding="utf-8"))
    missing = [name for name in code if PATH.fullmatch(name) and not (ROOT / name).exists()]
    # Tags and keys have dots, too (`lvseg.test_hash`): a module is what begins with a package.
    modules = [name for name in code if MODULE.fullmatch(name) and is_module(".".join(name.split(".")[:2]))]
    missing += [name for name in modules if not is_module(name)]
    missing = [name for name in missing if name not in NAMED_BEFORE]
    assert not missing, f"{page} names what is not there: {', '.join(missing)}"
