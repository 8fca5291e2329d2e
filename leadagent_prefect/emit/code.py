"""Pieces of Python code, before they are laid out on lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Code:
    """A piece of code that is never broken: a name, a number, ``news.name``."""

    text: str


@dataclass(frozen=True)
class Text:
    """A string literal. Where it is too long for its line it is written one line of its own a literal."""

    value: str


@dataclass(frozen=True)
class Group:
    """A bracket with items, each behind a prefix such as ``name=`` or ``"key": ``."""

    open: str
    items: tuple[tuple[str, Node], ...]
    close: str


Node: TypeAlias = Code | Text | Group


def quoted(text: str) -> str:
    """``text`` as a literal: what can't be printed is escaped, and the quotes are those that ruff prefers."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    # repr escapes only the quote that it has chosen: the other one in front makes it choose.
    body = repr(("'" if quote == '"' else '"') + text)
    opened, body = body[0], body[2 if body[1] != "\\" else 3 : -1]
    if opened != quote:
        body = body.replace(f"\\{opened}", opened).replace(quote, f"\\{quote}")
    return f"{quote}{body}{quote}"


def data(value: Any) -> Node:
    """Plain data (JSON's types) as a literal."""
    if isinstance(value, str):
        return Text(value)
    if isinstance(value, Mapping):
        return Group("{", tuple((f"{quoted(str(key))}: ", data(item)) for key, item in value.items()), "}")
    if isinstance(value, Sequence):
        return Group("[", tuple(("", data(item)) for item in value), "]")
    return Code(repr(value).replace("e+", "e"))


def call(function: str, arguments: Mapping[str, Node]) -> Group:
    """A call with keyword arguments alone."""
    return Group(f"{function}(", tuple((f"{name}=", node) for name, node in arguments.items()), ")")
