"""Numbers as the pages show them."""

import math


def number(value: float | None, decimals: int = 2) -> str:
    """Return a number in the style of the pages; a dash for what is undefined."""
    return "–" if value is None or math.isnan(value) else f"{value:,.{decimals}f}"
