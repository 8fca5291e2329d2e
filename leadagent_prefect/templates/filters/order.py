"""Filters that compare: sort, unique, min, max, sum, groupby. Strings compare without case, as in Jinja2."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from leadagent_prefect.templates.failures import EvalError, Missing
from leadagent_prefect.templates.filters.arguments import bounded, getter, number, sequence
from leadagent_prefect.templates.texts import compact
from leadagent_prefect.templates.values import kind, weigh


def _caseless(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _as_is(value: Any) -> Any:
    return value


def _key(attribute: Any, case_sensitive: Any) -> Callable[[Any], Any]:
    """What an item is compared by; several attributes stand with commas between them."""
    names = attribute.split(",") if isinstance(attribute, str) else [attribute]
    reads = [getter(name) for name in names]
    fold = _as_is if case_sensitive else _caseless

    def key(item: Any) -> Any:
        found = [fold(read(item)) for read in reads]
        return found[0] if len(found) == 1 else found

    return key


def sort(value: Any, reverse: Any = False, case_sensitive: Any = False, attribute: Any = None) -> list[Any]:
    key = _key(attribute, case_sensitive)
    ordered: list[Any] = _comparing(lambda: sorted(sequence(value), key=key, reverse=bool(reverse)))
    return ordered


def min_(value: Any, case_sensitive: Any = False, attribute: Any = None) -> Any:
    return _extreme(value, min, _key(attribute, case_sensitive))


def max_(value: Any, case_sensitive: Any = False, attribute: Any = None) -> Any:
    return _extreme(value, max, _key(attribute, case_sensitive))


def _extreme(value: Any, pick: Callable[..., Any], key: Callable[[Any], Any]) -> Any:
    found = sequence(value)
    if not found:
        raise Missing(f"{kind(value)} without items has no smallest and no largest one")
    return _comparing(lambda: pick(found, key=key))


def _comparing(compute: Callable[[], Any]) -> Any:
    try:
        return compute()
    except TypeError:
        raise EvalError("the items can't be compared: they are not of one type") from None


def unique(value: Any, case_sensitive: Any = False, attribute: Any = None) -> list[Any]:
    key = _key(attribute, case_sensitive)
    seen: set[Any] = set()
    kept = []
    for item in sequence(value):
        found = key(item)
        if isinstance(found, (list, tuple, dict)):
            weigh(found)
            found = (compact(found),)
        if found not in seen:
            seen.add(found)
            kept.append(item)
    return kept


def sum_(value: Any, attribute: Any = None, start: Any = 0) -> int | float:
    read = getter(attribute)
    total = number(start)
    for item in sequence(value):
        total = total + number(read(item))
        total = bounded(total) if isinstance(total, int) else total
    return total


def groupby(value: Any, attribute: Any, default: Any = None, case_sensitive: Any = False) -> list[Any]:
    """``[{"grouper": KEY, "list": [ITEM, ...]}]``, sorted by the attribute."""
    read = getter(attribute)

    def found(item: Any) -> Any:
        try:
            return read(item)
        except Missing:
            if default is None:
                raise
            return default

    def key(item: Any) -> Any:
        return found(item) if case_sensitive else _caseless(found(item))

    ordered = _comparing(lambda: sorted(sequence(value), key=key))
    groups = [list(group) for _, group in itertools.groupby(ordered, key=key)]
    return [{"grouper": found(group[0]), "list": group} for group in groups]
