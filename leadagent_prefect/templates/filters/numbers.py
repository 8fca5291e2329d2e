"""Filters over numbers, as Jinja2's of the same names."""

from __future__ import annotations

import math
from typing import Any

from leadagent_prefect.templates.failures import EvalError
from leadagent_prefect.templates.filters.arguments import bounded, number, whole

#: Python itself converts no longer decimal strings.
_DIGITS = 4300


def round_(value: Any, precision: Any = 0, method: Any = "common") -> int | float:
    """``method`` is common, ceil or floor. A whole number stays one with ``common``."""
    if method not in ("common", "ceil", "floor"):
        raise EvalError("the method is one of common, ceil, floor")
    places = whole(precision, -300, 300)
    exact = number(value)
    if method == "common":
        return round(exact, places)
    scale = 10.0**places
    rounded = math.ceil(exact * scale) if method == "ceil" else math.floor(exact * scale)
    return rounded / scale


def int_(value: Any, default: Any = 0, base: Any = 10) -> Any:
    """The whole number of a number or text; ``default`` where it is none."""
    try:
        if isinstance(value, str) and len(value) <= _DIGITS:
            return bounded(_of_text(value, whole(base, 2, 36)))
        return bounded(int(value)) if isinstance(value, (int, float)) else default
    except (ValueError, OverflowError):
        return default


def _of_text(value: str, base: int) -> int:
    try:
        return int(value, base)
    except ValueError:
        return int(float(value))


def float_(value: Any, default: Any = 0.0) -> Any:
    """The float of a number or text; ``default`` where it is none, or not finite."""
    if not isinstance(value, (int, float, str)):
        return default
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return default
    return found if math.isfinite(found) else default
