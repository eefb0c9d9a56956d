"""Numbers as people read them."""

from __future__ import annotations

import math
from collections.abc import Sequence

MINUS = "\N{MINUS SIGN}"


def number(value: float, digits: int = 3) -> str:
    """A number to so many significant digits, without exponents; nothing for NaN."""
    if math.isnan(value):
        return ""
    if math.isinf(value) or value == 0:
        return str(value) if value else "0"
    places = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
    return f"{value:,.{places}f}".replace("-", MINUS)


def fixed(value: float, places: int = 4) -> str:
    """A number with so many decimals; nothing for NaN."""
    return "" if math.isnan(value) else f"{value:,.{places}f}".replace("-", MINUS)


def points(share: float) -> str:
    """A difference of two shares in percentage points, with its sign."""
    return "" if math.isnan(share) else f"{100 * share:+.2f}".replace("-", MINUS)


def told(caveats: Sequence[str]) -> str:
    """Caveats as sentences that follow a caption; nothing where there are none."""
    return "".join(f" {text[:1].upper()}{text[1:]}." for text in caveats)
