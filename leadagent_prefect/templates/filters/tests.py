"""The tests of ``is``, ``select`` and their like; each is made from its arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from leadagent_prefect.templates.failures import EvalError
from leadagent_prefect.templates.values import kind

Test = Callable[[Any], bool]

#: So many comparisons of lists and mappings are made for one ``in`` over a list, and no more.
_COMPARISONS = 20_000_000


def contains(container: Any, value: Any) -> bool:
    """``value in container``."""
    if isinstance(container, str) and not isinstance(value, str):
        raise EvalError(f"a string can't hold {kind(value)}")
    if isinstance(container, Mapping):
        return isinstance(value, str) and value in container
    if isinstance(container, (str, list, tuple)):
        return value in container
    raise EvalError(f"`in` takes a list, a string or a mapping, this is {kind(container)}")


def within(container: Any) -> Test:
    """The test ``in``; over a list of scalars it is as fast for many items as for one."""
    if not isinstance(container, (list, tuple)):
        return lambda value: contains(container, value)
    try:
        known = frozenset(container)
    except TypeError:
        return _among(container)
    return lambda value: not isinstance(value, (list, dict)) and value in known


def _among(container: Any) -> Test:
    left = _COMPARISONS

    def test(value: Any) -> bool:
        nonlocal left
        left -= len(container)
        if left < 0:
            raise EvalError("the lists are too long for `in`")
        return value in container

    return test


TESTS: dict[str, Callable[..., Test]] = {
    "defined": lambda: lambda value: True,
    "none": lambda: lambda value: value is None,
    "string": lambda: lambda value: isinstance(value, str),
    "number": lambda: lambda value: isinstance(value, (bool, int, float)),
    "mapping": lambda: lambda value: isinstance(value, Mapping),
    "in": within,
}
