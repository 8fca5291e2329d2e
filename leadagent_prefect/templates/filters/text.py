"""Filters over strings, as Jinja2's of the same names; ``split`` is Python's."""

from __future__ import annotations

from typing import Any

from leadagent_prefect.templates.failures import EvalError
from leadagent_prefect.templates.filters.arguments import text, whole
from leadagent_prefect.templates.texts import to_text
from leadagent_prefect.templates.values import fits, weigh

_MAX = 2**31


def lower(value: Any) -> str:
    return text(value).lower()


def upper(value: Any) -> str:
    return text(value).upper()


def trim(value: Any, chars: Any = None) -> str:
    return text(value).strip(None if chars is None else text(chars))


def replace(value: Any, old: Any, new: Any, count: Any = None) -> str:
    """``count`` is the most replacements; null for all."""
    source, before, after = text(value), text(old), text(new)
    most = -1 if count is None else whole(count, 0, _MAX)
    found = source.count(before)
    found = found if most < 0 else min(found, most)
    fits(weigh(source) + found * max(0, weigh(after) - weigh(before)))
    return source.replace(before, after, most)


def truncate(value: Any, length: Any = 255, killwords: Any = False, end: Any = "...", leeway: Any = 5) -> str:
    source, tail = text(value), text(end)
    room = whole(length, 0, _MAX) - len(tail)
    if room < 0:
        raise EvalError(f"the length is less than that of the end, {len(tail)}")
    if len(source) <= room + len(tail) + whole(leeway, 0, _MAX):
        return source
    return (source[:room] if killwords else source[:room].rsplit(" ", 1)[0]) + tail


def split(value: Any, sep: Any = None, maxsplit: Any = -1) -> list[str]:
    """The parts between ``sep``, or between white space."""
    source, most = text(value), whole(maxsplit, -1, _MAX)
    if sep is None:
        return source.split(None, most)
    mark = text(sep)
    if not mark:
        raise EvalError("the separator is empty")
    fits(weigh(source) + 3 * source.count(mark))
    return source.split(mark, most)


def string(value: Any) -> str:
    """As in mixed text: null is empty, lists and mappings are compact JSON."""
    return to_text(value)
