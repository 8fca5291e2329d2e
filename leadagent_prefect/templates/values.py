"""Plain data as templates see it: what it is called, and how large it is.

Plain data is what JSON can hold. A mapping that is no ``dict`` is a namespace (``env``, ``secrets``):
single names can be looked up in it, and it never becomes a value as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from leadagent_prefect.templates.failures import EvalError

#: Every value, an intermediate one too, is at most this long as compact JSON in UTF-8.
_LIMIT = 10 * 1024 * 1024
#: Integers stay below 2**BITS in size, so that every one of them can be made a float.
BITS = 1023
#: What Python turns into text, as JSON would need it: 4,300 digits.
_INT_BITS = 14_000


def kind(value: object) -> str:
    """What a message calls a value, never the value itself: it may be a secret."""
    if value is None:
        return "null"
    for types, word in (
        (bool, "a boolean"),
        ((int, float), "a number"),
        (str, "a string"),
        ((list, tuple), "a list"),
        (dict, "a mapping"),
        (Mapping, "a namespace"),
    ):
        if isinstance(value, types):
            return word
    return f"a {type(value).__name__}"


def weigh(value: object) -> int:
    """The length of a value as compact JSON, nearly; refuses what is too large or not plain data."""
    total, left = 0, [value]
    while left:
        item = left.pop()
        if isinstance(item, str):
            total += 2 + utf8_length(item)
        elif isinstance(item, dict):
            total += 2 + 2 * len(item)
            left.extend(item)
            left.extend(item.values())
        elif isinstance(item, (list, tuple)):
            total += 2 + len(item)
            left.extend(item)
        else:
            total += _scalar(item)
        fits(total)
    return total


def utf8_length(text: str) -> int:
    """Bytes of a text in UTF-8, lone surrogates too."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _scalar(value: object) -> int:
    if value is None or isinstance(value, bool):
        return 4
    if isinstance(value, int) and value.bit_length() <= _INT_BITS:
        return 1 + value.bit_length() // 3
    if isinstance(value, int):
        raise EvalError("the number is too large")
    if isinstance(value, float) and math.isfinite(value):
        return 8
    if isinstance(value, float):
        raise EvalError("NaN and infinity are not allowed")
    if isinstance(value, Mapping):
        raise EvalError("a namespace is not a value: name one of its keys")
    raise EvalError(f"{kind(value)} is not plain data")


def fits(size: int) -> None:
    """Raise where a value of this length would be too large."""
    if size > _LIMIT:
        raise EvalError("the value would be larger than 10 MiB")


def detach(value: Any) -> Any:
    """A copy of plain data, so that who gets it can change it; no larger than the limit."""
    weigh(value)
    return _copy(value)


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {text_key(key): _copy(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_copy(item) for item in value]
    return value


def text_key(key: object) -> str:
    """The key of a mapping, which is a string as in JSON."""
    if isinstance(key, str):
        return key
    raise EvalError(f"the keys of a mapping are strings, not {kind(key)}")
