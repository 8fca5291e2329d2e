"""Filters over lists, strings and mappings, as Jinja2's of the same names."""

from __future__ import annotations

from typing import Any

from leadagent_prefect.templates.failures import EvalError, Missing
from leadagent_prefect.templates.filters.arguments import getter, sequence, whole
from leadagent_prefect.templates.texts import joined, to_text
from leadagent_prefect.templates.values import fits, kind, weigh

_MAX = 2**31


def length(value: Any) -> int:
    if isinstance(value, (str, list, tuple, dict)):
        return len(value)
    raise EvalError(f"it takes a string, a list or a mapping, this is {kind(value)}")


def first(value: Any) -> Any:
    return _end(value, 0)


def last(value: Any) -> Any:
    return _end(value, -1)


def _end(value: Any, index: int) -> Any:
    items = value if isinstance(value, (str, list)) else sequence(value)
    if not items:
        raise Missing(f"{kind(value)} without items has no first and no last one")
    return items[index]


def join(value: Any, d: Any = "", attribute: Any = None) -> str:
    """Items as they stand in mixed text, with ``d`` between them."""
    read = getter(attribute)
    return joined((to_text(read(item)) for item in sequence(value)), to_text(d))


def list_(value: Any) -> list[Any]:
    """The characters of a string, the keys of a mapping."""
    if isinstance(value, str):
        fits(weigh(value) + 3 * len(value))
    return sequence(value)


def batch(value: Any, linecount: Any, fill_with: Any = None) -> list[list[Any]]:
    """Lists of ``linecount`` items; the last one is filled up where ``fill_with`` is not null."""
    size, items = whole(linecount, 1, _MAX), sequence(value)
    rows = [items[start : start + size] for start in range(0, len(items), size)]
    if rows and fill_with is not None:
        lacking = size - len(rows[-1])
        fits(lacking * (1 + weigh(fill_with)))
        rows[-1] += [fill_with] * lacking
    return rows


def flatten(value: Any, levels: Any = None) -> list[Any]:
    """The items of lists within a list, ``levels`` deep or all; null stays an item."""
    depth = 10_000 if levels is None else whole(levels, 0, 10_000)
    if not isinstance(value, (list, tuple)):
        raise EvalError(f"it takes a list, this is {kind(value)}")
    flat: list[Any] = []
    left: list[tuple[Any, int]] = [(value, -1)]
    while left:
        item, level = left.pop()
        if isinstance(item, (list, tuple)) and level < depth:
            left.extend((inner, level + 1) for inner in reversed(item))
        else:
            flat.append(item)
    return flat


def items(value: Any) -> list[list[Any]]:
    """``[key, value]`` of every key of a mapping."""
    if isinstance(value, dict):
        return [[key, item] for key, item in value.items()]
    raise EvalError(f"it takes a mapping, this is {kind(value)}")
