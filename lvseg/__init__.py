"""The domain: from DICOM and contours to models, masks, scores and pictures.

`lvseg.predict` measures a study; docs/python.md says how. Importing this package loads nothing but itself.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lvseg.core.errors import UserError
    from lvseg.studies.analysis.result import StudyResult
    from lvseg.studies.python_api import load_model, predict

__all__ = ["StudyResult", "UserError", "load_model", "predict"]

# By name and not by import statement: every stage imports this package, and none depends on what lies behind these.
_HOMES = {
    "StudyResult": "lvseg.studies.analysis.result",
    "UserError": "lvseg.core.errors",
    "load_model": "lvseg.studies.python_api",
    "predict": "lvseg.studies.python_api",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, when it is asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """Return all names, those that are not imported yet included."""
    return sorted({*globals(), *__all__})
