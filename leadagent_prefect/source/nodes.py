"""What the readers make: a tree of values with the places they were read from, and problems."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from leadagent_prefect.diagnostics import quote
from leadagent_prefect.source.limits import MAX_DEPTH, MAX_NODES, MAX_PROBLEMS
from leadagent_prefect.source.lines import Lines

Place = tuple[int, int]
"""Start and end in the text, in characters."""


@dataclass(slots=True)
class Node:
    """A value and its place. An alias is the very node of its anchor, so its place is where the value stands.

    ``style`` is the quote of a scalar, ``|`` or ``>`` of a block scalar, empty for all else.
    ``size`` counts keys and values below and this one, aliases expanded; ``height`` the levels below.
    """

    value: Any
    start: int
    end: int
    style: str = ""
    keys: dict[str, Place] | None = None
    children: dict[str, Node] | list[Node] | None = None
    size: int = 1
    height: int = 0


class Problem(NamedTuple):
    """A diagnostic in the making: the place is in characters."""

    code: str
    message: str
    start: int
    end: int
    hint: str | None = None


class Stop(Exception):
    """Reading can't go on; the problem is noted."""


@dataclass
class Notes:
    """The problems of one reading; it stops when there are more than anyone reads."""

    text: str
    problems: list[Problem] = field(default_factory=list)

    @cached_property
    def lines(self) -> Lines:
        return Lines(self.text)

    def duplicate(self, key: str, first: Place, second: Place) -> None:
        """A key that stands twice: named where it stands again, with the line of the first."""
        line, _ = self.lines.position(first[0])
        message = f"key {quote(key)} stands here again; the first is in line {line}"
        self.add("duplicate-key", message, *second, "keep one")

    def add(self, code: str, message: str, start: int, end: int, hint: str | None = None) -> None:
        self.problems.append(Problem(code, message, start, end, hint))
        if len(self.problems) > MAX_PROBLEMS:
            raise Stop

    def stop(self, code: str, message: str, start: int, end: int, hint: str | None = None) -> Stop:
        """To be raised: ``raise notes.stop(...)``."""
        self.add(code, message, start, end, hint)
        return Stop()

    def count(self, nodes: int, start: int, end: int) -> None:
        """Stop above the limit of keys and values."""
        if nodes > MAX_NODES:
            raise self.stop(
                "too-many-nodes",
                f"more than {MAX_NODES:,} keys and values, aliases expanded",
                start,
                end,
                "aliases of aliases multiply: write out what is needed, or fetch large data in a task",
            )

    def deepen(self, depth: int, start: int, end: int) -> None:
        """Stop below the deepest level allowed."""
        if depth > MAX_DEPTH:
            raise self.stop("too-deep", f"more than {MAX_DEPTH} levels of lists and mappings", start, end)
