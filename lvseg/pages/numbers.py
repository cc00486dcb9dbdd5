"""Numbers as the pages show them."""

import math

UNDEFINED = "–"


def number(value: float | None, decimals: int = 2, signed: bool = False) -> str:
    """Return a number in the style of the pages; a dash for what is undefined.

    `number(1234.567)` is `1,234.57`, `number(0.5, 1, signed=True)` is `+0.5`, `number(-0.01, 1)` is `0.0`,
    `number(math.nan)` is `–`.

    Args:
        value: to show; None and NaN are undefined.
        decimals: that are shown.
        signed: show the sign of positive numbers as well.
    """
    if value is None or math.isnan(value):
        return UNDEFINED
    rounded = round(value, decimals) + 0.0  # which makes 0 of -0
    return f"{rounded:{'+' if signed else ''},.{decimals}f}"
