"""How Sphinx makes the documentation site of this repository; `make docs` runs it.

The root of the repository is the source, so that the links between README, docs/ and mlflow/README.md, which also hold
where the code is hosted, are the very links that are checked here.
"""

import re
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("docs", "mlflow", *(path.name for path in ROOT.glob("*.md")))

project = "lvseg"
author = "the lvseg contributors"
copyright = author
release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

extensions = ["myst_parser", "sphinx.ext.napoleon", "autoapi.extension"]
root_doc = "docs/index"
include_patterns = ["docs/**", "mlflow/README.md", "*.md"]
# All else by name: Sphinx would walk through data, models and environments.
exclude_patterns = [path.name for path in ROOT.iterdir() if path.name not in SOURCES]

# Headings have the anchors that they have where the code is hosted.
myst_heading_anchors = 4

# The API is read from the source, module by module, whatever modules there are; nothing is imported.
autoapi_dirs = [str(ROOT / name) for name in ("lvseg", "tracking", "flows")]
autoapi_root = "docs/reference/api"
autoapi_options = ["members", "undoc-members", "show-inheritance", "show-module-summary"]
autoapi_member_order = "bysource"
autoapi_add_toctree_entry = False
autoapi_keep_files = True  # what did not change is not read again; git ignores the folder
napoleon_use_ivar = True  # attributes of dataclasses are described once
default_role = "code"  # docstrings mark code by single backticks
suppress_warnings = [
    "autoapi.python_import_resolution",  # constants that a module assigns several at a time
    "ref.python",  # `slice` in a signature is Python's, not one of the attributes of that name
]

html_theme = "furo"
html_title = "lvseg"
html_extra_path = ["top"]  # an index.html at the top that leads to the first page
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
pygments_style = "friendly"

_CLASSES: dict[str, str] = {}  # docstrings by name


def _plain(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Take docstrings for what they are: text with code in backticks; bars and stars mean nothing in it."""
    lines[:] = [line.replace("|", r"\|").replace("*", r"\*") if "`" not in line else line for line in lines]


def _told_by_class(app: Any, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Leave out a field that the docstring of its class describes: it would stand on the page twice."""
    if what == "class":
        _CLASSES[name] = obj.docstring
    holder, _, field = name.rpartition(".")
    told = re.search(rf":ivar (\w+, )*{field}\b", _CLASSES.get(holder, ""))  # as napoleon has written it
    return True if what == "attribute" and told else None


def setup(app: Any) -> None:
    """Connect what is ours."""
    app.connect("autoapi-skip-member", _told_by_class)
    # Before napoleon (500), which writes stars itself.
    app.connect("autodoc-process-docstring", _plain, priority=400)
