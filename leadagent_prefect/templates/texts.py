"""How values read as text: in mixed text, after ``~`` and in ``join`` alike."""

from __future__ import annotations

import json
from collections.abc import Iterable

from leadagent_prefect.templates.values import fits, utf8_length, weigh


def to_text(value: object) -> str:
    """How a value stands in mixed text: a string as it is, null as nothing, all else as compact JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    weigh(value)
    return compact(value)


def compact(value: object) -> str:
    """The compact JSON of plain data."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def joined(parts: Iterable[str], separator: str = "") -> str:
    """The parts as one string, measured before it is built."""
    texts = list(parts)
    fits(sum(map(utf8_length, texts)) + utf8_length(separator) * max(0, len(texts) - 1))
    return separator.join(texts)
