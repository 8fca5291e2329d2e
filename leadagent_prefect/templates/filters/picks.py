"""Filters that apply a filter or a test to every item: map, select, reject, selectattr, rejectattr."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from leadagent_prefect.templates.failures import Missing
from leadagent_prefect.templates.filters.arguments import getter, sequence
from leadagent_prefect.templates.filters.tests import TESTS


def mapping(filters: dict[str, Callable[..., Any]]) -> Callable[..., list[Any]]:
    """The filter ``map``, over the table of all filters, which holds it."""

    def map_(value: Any, *args: Any, **kwargs: Any) -> list[Any]:
        """``map('upper')``, ``map(attribute='a.b', default=null)``."""
        if args:
            apply = filters[args[0]]
            return [apply(item, *args[1:], **kwargs) for item in sequence(value)]
        read = getter(kwargs["attribute"])
        if "default" not in kwargs:
            return [read(item) for item in sequence(value)]
        return [_or(read, item, kwargs["default"]) for item in sequence(value)]

    return map_


def _or(read: Callable[[Any], Any], item: Any, default: Any) -> Any:
    try:
        return read(item)
    except Missing:
        return default


def select(value: Any, test: Any = None, *args: Any) -> list[Any]:
    holds = _test(test, args)
    return [item for item in sequence(value) if holds(item)]


def reject(value: Any, test: Any = None, *args: Any) -> list[Any]:
    holds = _test(test, args)
    return [item for item in sequence(value) if not holds(item)]


def selectattr(value: Any, attribute: Any, test: Any = None, *args: Any) -> list[Any]:
    holds = _attribute(attribute, test, args)
    return [item for item in sequence(value) if holds(item)]


def rejectattr(value: Any, attribute: Any, test: Any = None, *args: Any) -> list[Any]:
    holds = _attribute(attribute, test, args)
    return [item for item in sequence(value) if not holds(item)]


def _test(test: Any, args: tuple[Any, ...]) -> Callable[[Any], bool]:
    return bool if test is None else TESTS[test](*args)


def _attribute(attribute: Any, test: Any, args: tuple[Any, ...]) -> Callable[[Any], bool]:
    """An attribute that is not there is false, and fails every test (so ``defined`` tells)."""
    read, holds = getter(attribute), _test(test, args)

    def check(item: Any) -> bool:
        try:
            return holds(read(item))
        except Missing:
            return False

    return check
