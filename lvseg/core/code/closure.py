"""Which source files a module reaches by its imports, and a hash over them."""

import ast
import re
from functools import cache
from importlib import metadata
from pathlib import Path

from lvseg.core.hashes import canonical_json, file_hash, sha256_text
from lvseg.core.paths.places import ROOT, checkout

PACKAGES = ("lvseg", "tracking", "tasks", "flows")

# What only observes, validates or says where things lie: it cannot change what a stage computes, so it belongs to no
# closure, nor does what it imports in turn. A module that computes must not be reached through one of these alone.
OBSERVERS = (
    "tracking",
    "lvseg.core.command",
    "lvseg.core.errors",
    "lvseg.core.code.git",
    "lvseg.core.own_lines",
    "lvseg.core.paths.places",
    "lvseg.data.raw_data",
    "lvseg.params",
    "lvseg.training.progress",
)


def import_closure(module: str, root: Path = ROOT, without: tuple[str, ...] = ()) -> list[Path]:
    """Return the source files that `module` reaches by imports, lazy ones included, relative to `root`.

    The import statements are read, not run; those below `if TYPE_CHECKING:` do not count. Only the project's own
    packages count, with the `__init__.py` of every package on the way. Templates that lie beside a module in a
    package belong to it.

    Args:
        module: dotted name, such as `tasks.train_unet`.
        root: of the checkout.
        without: modules and packages that are left out, with what only they import.
    """
    closure: set[Path] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = _source(name, root)
        if path is None or path in closure or any(f"{name}.".startswith(f"{left}.") for left in without):
            continue
        closure.add(path)
        inits = (parent / "__init__.py" for parent in path.parents if parent != Path())
        closure.update(init for init in inits if (root / init).is_file())
        closure.update(page.relative_to(root) for page in (root / path).parent.glob("*.html"))
        waiting += _imports((root / path).read_text(encoding="utf-8"))
    return sorted(closure)


def computing_closure(module: str, root: Path = ROOT) -> list[Path]:
    """Return the files of the import closure that can change what `module` computes: all but `OBSERVERS`."""
    return import_closure(module, root, without=OBSERVERS)


def code_hash(module: str, root: Path = ROOT) -> str:
    """Return a hash over the computing closure of `module` and the versions of its libraries.

    Those are the locked ones; where the package is installed without a repository, the ones that are installed.
    """
    held = [[path.as_posix(), file_hash(root / path)] for path in computing_closure(module, root)]
    lock = Path("requirements/runtime.lock")
    if root == ROOT and not checkout():
        return sha256_text(canonical_json([*held, *_libraries()]))
    return sha256_text(canonical_json([*held, [lock.as_posix(), file_hash(root / lock)]]))


def _libraries() -> list[list[str]]:
    """Return name and installed version of each library that the installed package needs without extras."""
    needed = [line for line in metadata.requires("lvseg") or [] if "extra ==" not in line]
    names = sorted(match[0] for line in needed if (match := re.match(r"[\w.-]+", line)))
    return [[name, metadata.version(name)] for name in names]


def _source(module: str, root: Path) -> Path | None:
    """Return the file of one of the project's modules, relative to `root`."""
    if module.split(".")[0] not in PACKAGES:
        return None
    base = Path(*module.split("."))
    candidates = (base.with_suffix(".py"), base / "__init__.py")
    return next((path for path in candidates if (root / path).is_file()), None)


@cache  # by the text itself: closures overlap, and to parse one takes a quarter of a second
def _imports(source: str) -> tuple[str, ...]:
    """Return the modules that a source text may import, anywhere in it, other than for the type checker alone."""
    names: list[str] = []
    waiting: list[ast.AST] = [ast.parse(source)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            waiting += node.orelse
        else:
            waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(names)
