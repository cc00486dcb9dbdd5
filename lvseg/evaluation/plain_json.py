"""Facts as JSON takes them."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def plain(value: Any, decimals: int | None = None) -> Any:
    """Return nested facts with None for numbers that are not finite, and without NumPy's types.

    Args:
        value: a fact, or mappings, lists and tuples of facts.
        decimals: to which numbers are rounded; None leaves them as they are.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(content, decimals) for key, content in value.items()}
    if isinstance(value, list | tuple):
        return [plain(content, decimals) for content in value]
    if isinstance(value, float | np.floating):
        exact = float(value) if math.isfinite(value) else None
        return exact if exact is None or decimals is None else round(exact, decimals)
    return int(value) if isinstance(value, np.integer) else value
