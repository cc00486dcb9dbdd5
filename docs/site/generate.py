"""Write the pages of the reference that follow from the code: commands, parameters and packages.

`make docs` runs this with the Python of .venv, before Sphinx. The pages lie in docs/reference/, which git ignores: they
cannot fall behind what they describe.
"""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "reference"
PACKAGES = ("lvseg", "tracking", "flows")
Key = tuple[str, ...]  # the names that lead to a value in params.yaml
_START = "import sys; sys.argv[0] = 'lvseg'; from lvseg.cli.app import main; main()"  # installed or not
_LINE = re.compile(r"(?P<indent> *)(?:(?P<key>\w+):(?P<value>[^#]*))?(?:# ?(?P<said>.*))?$")
_PAGE = re.compile(r"docs/(\w+\.md)")


def commands() -> str:
    """Return the page of `lvseg` and its commands: what each says of itself when asked for help."""
    from lvseg.cli.commands import commands as all_commands

    lines = [
        "# Commands\n\n`lvseg` runs from the root of the repository, after `. .venv/bin/activate`. Stages of",
        "`dvc.yaml` are commands as well; `make repro` runs them where something changed.\n",
    ]
    for name in all_commands():
        lines += [f"## lvseg {name}\n", f"```text\n{_help(name)}\n```\n"]
    return "\n".join(lines)


def _help(*command: str) -> str:
    """Return the help of a command, 100 columns wide."""
    plain = {**os.environ, "COLUMNS": "100", "TERMINAL_WIDTH": "100", "NO_COLOR": "1"}
    asked = [sys.executable, "-c", _START, *command, "--help"]
    done = subprocess.run(asked, cwd=ROOT, env=plain, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def parameters() -> str:
    """Return the page of `params.yaml`: each key with its value, what is allowed, and the comment beside it."""
    from lvseg.params import Params

    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    schema, told = Params.model_json_schema(), _comments(text)
    lines = [
        "# Parameters\n",
        "Every knob is in `params.yaml`. The file is checked as a whole before anything runs: a key that is unknown,",
        "missing or out of range is named, with the nearest valid one. `dvc exp run -S train_cnn.epochs=5` sets a",
        "value for one run, as `overrides` of the flow `retrain` does.\n",
    ]
    for section, values in yaml.safe_load(text).items():
        model = _resolved(schema["properties"][section], schema)
        lines += [f"## {section}\n", _about(model.get("description", ""), told.get((section,), ""))]
        lines += ["\n| key | value | allowed | |", "|---|---|---|---|"]
        for path, value, own in _leaves(values, model, schema):
            cells = (f"`{'.'.join(path)}`", _shown(value), _allowed(own), told.get((section, *path), ""))
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        lines.append("")
    return "\n".join(lines)


def _about(description: str, comment: str) -> str:
    """Return what is known of a section: what its class says, and the comment beside it where that says more."""
    more = comment and not comment.lower().startswith(description.lower().rstrip("."))
    return f"{description} {comment[0].upper()}{comment[1:]}." if more else description


def _comments(text: str) -> dict[Key, str]:
    """Return the comment beside each key of a YAML text; lines of comment alone below a key belong to it."""
    told: dict[Key, str] = {}
    path: Key = ()
    for line in text.splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        if match["key"]:
            path = (*path[: len(match["indent"]) // 2], match["key"])
        if match["said"] and path:
            told[path] = f"{told.get(path, '')} {match['said']}".strip()
    return {path: _PAGE.sub(r"[\g<0>](../\1)", said) for path, said in told.items()}


def _leaves(values: Any, model: Any, schema: Any, path: Key = ()) -> Iterator[tuple[Key, Any, Any]]:
    """Yield path, value and schema of every key below a section."""
    for key, value in values.items():
        own = _resolved(model["properties"][key], schema)
        if isinstance(value, dict):
            yield from _leaves(value, own, schema, (*path, key))
        else:
            yield (*path, key), value, own


def _resolved(own: Any, schema: Any) -> Any:
    """Return a part of a JSON schema, behind its reference if it is one."""
    return schema["$defs"][own["$ref"].rsplit("/", 1)[1]] if "$ref" in own else own


def _shown(value: Any) -> str:
    """Return a value as YAML has it."""
    dumped = yaml.safe_dump(value, default_flow_style=True, width=1000)
    return f"`{dumped.splitlines()[0]}`"  # without the mark of its end


def _allowed(own: Any) -> str:
    """Return in words what a part of a JSON schema allows."""
    if "enum" in own:
        return ", ".join(f"`{value}`" for value in own["enum"])
    if "anyOf" in own:
        return " or ".join(_allowed(one) for one in own["anyOf"])
    if own["type"] == "array":
        return f"any of {_allowed(own['items'])}"
    if own["type"] == "object":
        values = own.get("additionalProperties")
        names = own.get("propertyNames", {}).get("enum", ["name"])
        held = _allowed(values) if isinstance(values, dict) and values else "value"
        return f"{{{' or '.join(names)}: {held}}}"
    names = {"integer": "whole number", "number": "number", "boolean": "`true`, `false`", "string": "text"}
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    words = [names[own["type"]], *(f"{said} {own[key]:,.10g}" for key, said in bounds.items() if key in own)]
    words += [f"a multiple of {own['multipleOf']}"] if "multipleOf" in own else []
    return ", ".join(words)


def packages() -> str:
    """Return the page of the packages: what each says that it holds, and its modules with their first lines."""
    lines = [
        "# Packages\n",
        "What each package holds, in its own words, and the way to its modules, classes and functions.",
        "[architecture.md](../architecture.md) says how the packages stand to each other.\n",
        "```{toctree}\n:hidden:\n",
        *(f"api/{name}/index" for name in PACKAGES),
        "```\n",
    ]
    for init in (path for name in PACKAGES for path in sorted((ROOT / name).rglob("__init__.py"))):
        lines += [f"## {init.parent.relative_to(ROOT).as_posix().replace('/', '.')}\n", _first_line(init), ""]
        modules = sorted(init.parent.glob("[!_]*.py"))
        lines += ["| module | |", "|---|---|"] if modules else []
        for path in modules:
            place = path.relative_to(ROOT).with_suffix("").as_posix()
            lines.append(f"| [{path.stem}](api/{place}/index) | {_first_line(path)} |")
        lines.append("")
    return "\n".join(lines)


def _first_line(path: Path) -> str:
    """Return the first line of the docstring of a source file."""
    told = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return told.partition("\n")[0].replace("|", "\\|")


def main() -> None:
    """Write the pages."""
    sys.path.insert(0, str(ROOT))
    FOLDER.mkdir(exist_ok=True)
    for page in (commands, parameters, packages):
        (FOLDER / f"{page.__name__}.md").write_text(page() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
