"""YAML text -> its nodes with their places, so that a part can be replaced and every other byte stays.

Read by PyYAML, as Prefect reads prefect.yaml: what is ``yes`` or ``12:30`` there is so here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

from leadagent_prefect.errors import ConfigurationError


@dataclass(frozen=True)
class Node:
    """One node. ``start`` and ``end`` are offsets of the text, and ``end`` is behind its last character:
    comments and blank lines after it are not its own. ``items`` of a mapping are keys and values in turn.
    """

    kind: Literal["scalar", "mapping", "sequence", "alias"]
    start: int
    end: int
    line: int
    column: int
    flow: bool = False
    items: tuple[Node, ...] = field(default=(), repr=False)
    value: str = ""

    @property
    def pairs(self) -> list[tuple[Node, Node]]:
        """The keys of a mapping with their values."""
        return list(zip(self.items[::2], self.items[1::2], strict=True))

    def pair(self, key: str) -> tuple[Node, Node] | None:
        """The key node and the value node of ``key``, where it is written out in this mapping."""
        return next((pair for pair in self.pairs if pair[0].kind == "scalar" and pair[0].value == key), None)


@dataclass(frozen=True)
class Tree:
    """``root`` and ``data`` are None for a text without a document. ``data`` shares nothing by aliases."""

    text: str
    root: Node | None
    data: Any


def read(text: str, filename: str) -> Tree:
    """Raises `ConfigurationError` with the place of what is no YAML, or not one document."""
    try:
        root = _document(yaml.parse(text, Loader=yaml.SafeLoader), text)
        return Tree(text, root, _unshared(yaml.safe_load(text)))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{filename}:{mark.line + 1}:{mark.column + 1}" if mark else filename
        raise ConfigurationError(f"{place}: this is no YAML: {error.problem}; nothing was written") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        words = str(error).partition("\n")[0]
        raise ConfigurationError(f"{filename}: this is no YAML: {words}; nothing was written") from None


def _document(events: Iterator[yaml.Event], text: str) -> Node | None:
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            return _node(next(events), events, text)
    return None


def _node(event: yaml.Event, events: Iterator[yaml.Event], text: str) -> Node:
    start, end = event.start_mark, _place(event)
    assert start is not None
    if isinstance(event, yaml.AliasEvent):
        return Node("alias", start.index, end, start.line, start.column)
    if isinstance(event, yaml.ScalarEvent):
        stop = end
        if event.style in ("|", ">"):
            stop = _end_of_block_scalar(text, start.index, stop)
        return Node("scalar", start.index, stop, start.line, start.column, value=event.value)
    assert isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent))
    items: list[Node] = []
    while not isinstance(inner := next(events), (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
        items.append(_node(inner, events, text))
    kind: Literal["mapping", "sequence"]
    kind = "mapping" if isinstance(event, yaml.MappingStartEvent) else "sequence"
    flow = bool(event.flow_style)
    stop = _place(inner) if flow else items[-1].end
    return Node(kind, start.index, stop, start.line, start.column, flow, tuple(items))


def _place(event: yaml.Event) -> int:
    assert event.end_mark is not None  # as for every event of a parsed text
    return event.end_mark.index


def _end_of_block_scalar(text: str, start: int, end: int) -> int:
    """PyYAML's is where the next token may begin; blank lines before that are content only after ``|+``."""
    header = text[start:end].partition("\n")[0]
    if "+" in header.partition("#")[0]:
        return start + len(text[start:end].removesuffix("\n").removesuffix("\r"))
    return start + len(text[start:end].rstrip())


def _unshared(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _unshared(value) for key, value in data.items()}
    return [_unshared(item) for item in data] if isinstance(data, list) else data


def same(left: Any, right: Any) -> bool:
    """Equal as YAML data: ``1`` is not ``true``, and not-a-number is itself."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right) or (left != left and right != right)
