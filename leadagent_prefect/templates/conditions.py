"""What can be told of two conditions without evaluating them."""

from __future__ import annotations

from typing import Any

from leadagent_prefect.templates.parsed import template
from leadagent_prefect.templates.tree import Call, Const, Item, Name, Node, Op

#: ("op", name, operands), ("name", name), ...: equal where two trees say the same.
Shape = tuple[Any, ...]


def exclude_each_other(one: str, other: str) -> bool:
    """Can the two never both hold, as their form tells: ``x`` and ``not x``, ``x == 1`` and ``x == 2``?"""
    first, second = _condition(one), _condition(other)
    if first is None or second is None:
        return False
    a, b = _shape(first), _shape(second)
    if ("op", "not", (b,)) == a or ("op", "not", (a,)) == b:
        return True
    return _compares(a, b) or _compares(b, a)


def _compares(a: Shape, b: Shape) -> bool:
    """``x == 1`` against ``x == 2`` or ``x != 1``."""
    if a[:2] != ("op", "compare") or b[:2] != ("op", "compare") or len(a[2]) != 3 or len(b[2]) != 3:
        return False
    (left, sign, right), (left_b, sign_b, right_b) = a[2], b[2]
    if left != left_b or sign != "eq" or right[0] != "const" or right_b[0] != "const":
        return False
    if sign_b == "eq":
        return bool(right[-1] != right_b[-1])  # by value: 1, 1.0 and true are equal
    return bool(sign_b == "ne" and right == right_b)


def _condition(text: str) -> Node | None:
    whole = template(text).whole
    return whole.node if whole is not None else None


def _shape(node: Any) -> Any:
    """The tree without its places."""
    if isinstance(node, Const):
        return ("const", type(node.value).__name__, node.value)
    if isinstance(node, Name):
        return ("name", node.name)
    if isinstance(node, Item):
        return ("item", _shape(node.target), _shape(node.key))
    if isinstance(node, Op):
        return ("op", node.name, tuple(map(_shape, node.args)))
    if isinstance(node, Call):
        kwargs = tuple((name, _shape(value)) for name, value in node.kwargs)
        return ("call", node.name, node.test, _shape(node.target), tuple(map(_shape, node.args)), kwargs)
    return str(node)
