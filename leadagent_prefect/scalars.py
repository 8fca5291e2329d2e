"""The scalars of the workflow language: durations, names, counts.

A rule that is broken raises `PydanticCustomError` whose type is the diagnostic's code.
"""

from __future__ import annotations

import math
import re
import unicodedata

from pydantic_core import PydanticCustomError, PydanticKnownError

_DURATION = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?) *(?P<unit>ms|s|m|h)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_BIDI = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C)))
_DURATION_HELP = 'a number of seconds, or a text such as "500ms", "30s", "5m" or "2h"'


def parse_duration(value: object) -> float:
    """Seconds of a number or of a string such as ``500ms``, ``30s``, ``5m``, ``2h``."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = _finite(value)
        if seconds is not None and seconds >= 0:
            return seconds
    elif isinstance(value, str) and (match := _DURATION.fullmatch(value.strip())):
        seconds = _finite(float(match["number"]) * _UNITS[match["unit"]])
        if seconds is not None:
            return seconds
    raise PydanticCustomError(
        "invalid-duration",
        "{found} is not a duration: expected {expected}",
        {"found": repr(value)[:80], "expected": _DURATION_HELP},
    )


def _finite(value: float) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def parse_timeout(value: object) -> float:
    """A duration above 0: a timeout of 0 would read as "none" in one place and "at once" in another."""
    seconds = parse_duration(value)
    if seconds == 0:
        raise PydanticCustomError(
            "invalid-duration",
            "a timeout of 0 is not allowed: expected {expected}",
            {"expected": "more than 0; leave the key out for no limit"},
        )
    return seconds


def parse_lifetime(value: object) -> float:
    """How long something is kept: a duration above 0."""
    seconds = parse_duration(value)
    if seconds == 0:
        raise PydanticCustomError(
            "invalid-duration",
            "nothing is kept for 0 seconds: expected {expected}",
            {"expected": "how long a result may be reused, such as 1h; leave cache out to reuse none"},
        )
    return seconds


def check_name(value: object) -> str:
    """A name of 1-128 characters without control, format-direction or surrogate characters."""
    if not isinstance(value, str):
        raise PydanticKnownError("string_type")
    if not 1 <= len(value) <= 128:
        raise PydanticCustomError(
            "invalid-name", "a name has 1 to 128 characters, this one {n}", {"n": len(value)}
        )
    for char in value:
        if char in _BIDI or unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp"):
            raise PydanticCustomError(
                "invalid-name",
                "a name has no control or bidirectional characters, this one has {char}",
                {"char": f"U+{ord(char):04X}"},
            )
    if not any(map(str.isprintable, value.replace(" ", ""))):
        raise PydanticCustomError("invalid-name", "a name has at least one visible character")
    return value


def check_min_success(value: object) -> int | str:
    """A count of at least 0, or a percentage such as ``"80%"``."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    percentage = r"(100|[0-9]{1,2})(\.[0-9]+)?%"
    if isinstance(value, str) and re.fullmatch(percentage, value) and float(value[:-1]) <= 100:
        return value
    raise PydanticCustomError(
        "invalid-value",
        "{found} is not allowed: expected {expected}",
        {"found": repr(value)[:80], "expected": 'a count or a percentage such as "80%"'},
    )
