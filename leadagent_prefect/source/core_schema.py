"""The YAML 1.2 core schema: which plain scalars are numbers, booleans and null. JSON numbers obey it too."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_FIRST = frozenset("~-+.0123456789tTfFnN")
_LARGEST = 2**53

Scalar = str | int | float | bool | None


class BadScalar(NamedTuple):
    """A number that no reader of JSON takes as it stands."""

    code: str
    message: str
    hint: str


def resolve(text: str) -> Scalar | BadScalar:
    """The value of a plain scalar."""
    if text and text[0] not in _FIRST:
        return text
    if text in _NULL:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    if _INT.fullmatch(text):
        return _whole(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else _infinite(text)
    return _infinite(text) if _NOT_FINITE.fullmatch(text) else text


def kind_of(value: Scalar) -> str:
    """The name of a core tag: str, int, float, bool or null."""
    return {str: "str", int: "int", float: "float", bool: "bool"}.get(type(value), "null")


def _whole(text: str) -> int | BadScalar:
    digits, base = (text[2:], {"o": 8, "x": 16}[text[1]]) if text[1:2] in ("o", "x") else (text, 10)
    # Thousands of digits take quadratic time, and Python refuses them with an error of its own.
    significant = digits.lstrip("+-0")
    number = int(significant or "0", base) if len(significant) <= 25 else _LARGEST + 1
    if number <= _LARGEST:
        return -number if digits[0] == "-" else number
    shown = text if len(text) <= 30 else f"{text[:20]}… ({len(text)} characters)"
    return BadScalar(
        "number-too-large",
        f"the number {shown} is beyond 2^53 and would be rounded by other readers",
        "put it in quotes where it is an identifier",
    )


def _infinite(text: str) -> BadScalar:
    shown = text if len(text) <= 30 else f"{text[:20]}…"
    return BadScalar("not-finite", f"{shown} is not a finite number", "write a number, or quote it as text")
