"""The tree of an expression: five kinds of nodes over plain data.

It is our own and not Jinja's, so that what evaluates it can meet nothing that was not allowed.
Offsets count characters from the start of the string that holds the template.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

#: Arithmetic, which is on numbers alone, as it is written.
SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "floordiv": "//", "mod": "%"}


@dataclass(frozen=True, slots=True)
class Const:
    """A scalar as written."""

    value: Any


@dataclass(frozen=True, slots=True)
class Name:
    """The root of a reference: ``inputs``, ``tasks``, ..."""

    name: str
    offset: int
    end: int


@dataclass(frozen=True, slots=True)
class Item:
    """``target.key`` and ``target[key]``, which are the same. A slice is an `Op` of that name as key."""

    target: Node
    key: Node
    end: int


@dataclass(frozen=True, slots=True)
class Op:
    """An operator over its operands: list, dict, slice, and, or, not, if, concat, compare, add, ...

    A dict's operands are its keys and values in turn; those of ``compare`` are operands with the
    names of their comparisons in between.
    """

    name: str
    args: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A filter or, with ``test``, a test of ``target``."""

    name: str
    target: Node
    args: tuple[Node, ...]
    kwargs: tuple[tuple[str, Node], ...]
    test: bool = False


Node = Const | Name | Item | Op | Call


def spell(node: Node) -> str:
    """A reference as a message names it: ``tasks.fetch.result['a b']``."""
    if isinstance(node, Name):
        return node.name
    if not isinstance(node, Item):
        return "the value"
    if not isinstance(node.key, Const):
        return f"{spell(node.target)}[...]"
    key = node.key.value
    if isinstance(key, str) and re.fullmatch(r"[A-Za-z_]\w{0,60}", key):
        return f"{spell(node.target)}.{key}"
    return f"{spell(node.target)}[{key!r:.60}]"
