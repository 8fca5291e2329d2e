"""What an agent hands over becomes plain, clean, masked JSON data, once, on arrival."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from leadagent_prefect.errors import InvalidOutput
from leadagent_prefect.redaction import Redactor

#: Deeper data than this comes from no service and breaks JSON readers.
_DEEPEST = 200


def take_in(value: Any, redactor: Redactor, what: str = "result") -> Any:
    """A masked copy of an agent's answer that is JSON data; `InvalidOutput` names the place where it is none.

    Lone surrogates become U+FFFD: no UTF-8 can hold them.
    """
    return _copy(value, redactor, what, 0)


def _copy(value: Any, redactor: Redactor, where: str, depth: int) -> Any:
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, str):
        return redactor.text(_clean(value))
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        raise InvalidOutput(f"{where} is {value}, which is not JSON")
    if depth >= _DEEPEST:
        raise InvalidOutput(f"{where[:80]}... is nested deeper than {_DEEPEST} levels")
    if isinstance(value, Mapping):
        return {
            _key(key, where): _copy(item, redactor, f"{where}.{key}", depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_copy(item, redactor, f"{where}[{n}]", depth + 1) for n, item in enumerate(value)]
    raise InvalidOutput(f"{where} is a {type(value).__name__}, which is not JSON data")


def _key(key: Any, where: str) -> str:
    if isinstance(key, str):
        return _clean(key)
    raise InvalidOutput(f"{where} has the key {key!r}, and keys of JSON objects are strings")


def _clean(text: str) -> str:
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
