"""The interpreter of a tree over plain data. It calls nothing but the filters and tests of the language."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from leadagent_prefect.templates.failures import EvalError, Missing
from leadagent_prefect.templates.filters import FILTERS, TESTS
from leadagent_prefect.templates.filters.arguments import bounded, lookup, number
from leadagent_prefect.templates.filters.tests import contains
from leadagent_prefect.templates.texts import joined, to_text
from leadagent_prefect.templates.tree import SIGNS, Call, Const, Item, Name, Node, Op, spell
from leadagent_prefect.templates.values import kind, text_key, weigh

Scope = Mapping[str, Any]

_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul,
    "div": operator.truediv, "floordiv": operator.floordiv, "mod": operator.mod,
}  # fmt: skip
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "lteq": operator.le,
    "gt": operator.gt, "gteq": operator.ge,
    "in": lambda a, b: contains(b, a), "notin": lambda a, b: not contains(b, a),
}  # fmt: skip
#: Filters whose value can be larger than what they were given.
_GROWING = frozenset({
    "upper", "lower", "groupby", "map", "list", "items", "split", "batch", "fromjson", "tojson", "string",
    "urlencode", "b64encode",
})  # fmt: skip


def evaluate(node: Node, scope: Scope) -> Any:
    """The value of an expression. Raises `EvalError`."""
    if isinstance(node, Const):
        return node.value
    if isinstance(node, Name):
        return _root(node, scope)
    if isinstance(node, Item):
        return _item(node, scope)
    if isinstance(node, Call):
        return _call(node, scope)
    return _OPERATORS.get(node.name, _arithmetic)(node, scope)


def _root(node: Name, scope: Scope) -> Any:
    return lookup(scope, node.name, lambda: "the template's scope")


def _item(node: Item, scope: Scope) -> Any:
    target = evaluate(node.target, scope)
    if isinstance(node.key, Op) and node.key.name == "slice":
        return _sliced(target, node.key, scope)
    return lookup(target, evaluate(node.key, scope), lambda: spell(node.target))


def _sliced(target: Any, part: Op, scope: Scope) -> Any:
    bounds = [evaluate(bound, scope) for bound in part.args]
    if not isinstance(target, (str, list, tuple)):
        raise EvalError(f"a slice is of a list or a string, not of {kind(target)}")
    if any(bound is not None and type(bound) is not int for bound in bounds):
        raise EvalError("the bounds of a slice are whole numbers")
    if bounds[2] == 0:
        raise EvalError("the step of a slice is not 0")
    return target[slice(*bounds)]


def _arithmetic(node: Op, scope: Scope) -> Any:
    left, right = (evaluate(arg, scope) for arg in node.args)
    sign = SIGNS[node.name]
    for value in (left, right):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            tip = ", `~` joins text" if node.name == "add" else ""
            raise EvalError(f"`{sign}` is for numbers, not for {kind(value)}{tip}")
    try:
        return _finite(_ARITHMETIC[node.name](left, right))
    except ZeroDivisionError:
        raise EvalError(f"`{sign}`: division by zero") from None
    except OverflowError:
        raise EvalError("the number would be too large") from None


def _finite(value: int | float) -> int | float:
    if isinstance(value, int):
        return bounded(value)
    if math.isfinite(value):
        return value
    raise EvalError("the number would be too large")


def _compare(node: Op, scope: Scope) -> bool:
    left = evaluate(node.args[0], scope)
    for name, operand in zip(node.args[1::2], node.args[2::2], strict=True):
        right = evaluate(operand, scope)
        try:
            if not _COMPARISONS[name](left, right):
                return False
        except TypeError:
            raise EvalError(f"{kind(left)} and {kind(right)} can't be compared") from None
        left = right
    return True


def _list(node: Op, scope: Scope) -> list[Any]:
    built = [evaluate(arg, scope) for arg in node.args]
    weigh(built)
    return built


def _dict(node: Op, scope: Scope) -> dict[str, Any]:
    values = [evaluate(arg, scope) for arg in node.args]
    built = {text_key(key): value for key, value in zip(values[::2], values[1::2], strict=True)}
    weigh(built)
    return built


def _call(node: Call, scope: Scope) -> Any:
    if node.name in ("default", "defined"):
        return _guard(node, scope)
    value = evaluate(node.target, scope)
    args = [evaluate(arg, scope) for arg in node.args]
    if node.test:
        return TESTS[node.name](*args)(value)
    kwargs = {name: evaluate(arg, scope) for name, arg in node.kwargs}
    try:
        made = FILTERS[node.name](value, *args, **kwargs)
    except EvalError as error:
        raise type(error)(f"`{node.name}`: {error}") from None
    if node.name in _GROWING:
        weigh(made)
    return made


def _guard(node: Call, scope: Scope) -> Any:
    """``default`` and ``is defined``, which alone may meet what is not there."""
    try:
        value, there = evaluate(node.target, scope), True
    except Missing:
        value, there = None, False
    if node.test:
        return there
    args = [evaluate(arg, scope) for arg in node.args]
    kwargs = {name: evaluate(arg, scope) for name, arg in node.kwargs}
    if there:
        return FILTERS["default"](value, *args, **kwargs)
    return args[0] if args else kwargs.get("default_value", "")


_OPERATORS: dict[str, Callable[[Op, Scope], Any]] = {
    "and": lambda node, scope: evaluate(node.args[0], scope) and evaluate(node.args[1], scope),
    "or": lambda node, scope: evaluate(node.args[0], scope) or evaluate(node.args[1], scope),
    "not": lambda node, scope: not evaluate(node.args[0], scope),
    "neg": lambda node, scope: -number(evaluate(node.args[0], scope)),
    "pos": lambda node, scope: number(evaluate(node.args[0], scope)),
    "if": lambda node, scope: evaluate(node.args[1 if evaluate(node.args[0], scope) else 2], scope),
    "concat": lambda node, scope: joined(to_text(evaluate(arg, scope)) for arg in node.args),
    "compare": _compare,
    "list": _list,
    "dict": _dict,
}
