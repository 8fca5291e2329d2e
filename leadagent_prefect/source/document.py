"""A document: text, plain data, and where in the text each value stands."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path as FilePath
from typing import Any, Literal

from leadagent_prefect.diagnostics import Diagnostic, Span, quote
from leadagent_prefect.source.lines import Lines
from leadagent_prefect.source.nodes import Node, Place, Problem

Path = tuple[str | int, ...]
"""The keys and indices from the top to a value, such as ``("tasks", 3, "agent_name")``."""


@dataclass
class Document:
    """What was read. ``data`` is None where reading had to stop; ``problems`` says why.

    ``base`` is the folder that files named in the document are relative to; None for a bare string.
    ``root`` is None for a dict: there is no text then, spans are None, and ``text`` is the dict as JSON.
    """

    text: str
    filename: str
    base: FilePath | None = None
    root: Node | None = None
    data: Any = None
    problems: list[Diagnostic] = field(default_factory=list)
    #: Of a dict: what could not be read, and stands as 0 or None in the data.
    unread: set[Path] = field(default_factory=set)

    # --- places ---

    def key_span(self, path: Path) -> Span | None:
        """Where the last key of ``path`` stands; of a list item, its first key or value."""
        nodes = self._walk(path)
        if len(nodes) == len(path) + 1 and len(path) > 0:
            keys = nodes[-2].keys
            if keys is not None:
                return self.span(*keys[str(path[-1])])
        return self._spot(nodes, path)

    def value_span(self, path: Path) -> Span | None:
        """Where the value stands; of what is not there, the nearest thing around it that is."""
        nodes = self._walk(path)
        if len(nodes) == len(path) + 1 and nodes[-1].end > nodes[-1].start:
            return self.span(nodes[-1].start, nodes[-1].end)
        return self.key_span(path)

    def string_span(self, path: Path, offset: int, length: int) -> Span | None:
        """Where ``length`` characters from ``offset`` of a string's decoded value stand.

        Exact unless escapes or line breaks come between; the whole value then.
        """
        nodes = self._walk(path)
        node = nodes[-1] if len(nodes) == len(path) + 1 else None
        if node is None or not isinstance(node.value, str):
            return self.value_span(path)
        found = self._fragment(node, node.value[:offset], node.value[offset : offset + length])
        return self.span(*found) if found else self.value_span(path)

    def _fragment(self, node: Node, before: str, wanted: str) -> Place | None:
        raw = self.text[node.start : node.end]
        for encode in (str, _ENCODERS.get(node.style, str)):
            needle = encode(wanted)
            # The n-th in the value is the n-th in the text, provided that both have as many.
            if needle and raw.count(needle) == node.value.count(wanted):
                index = raw.find(needle)
                for _ in range(before.count(wanted)):
                    index = raw.find(needle, index + len(needle))
                return node.start + index, node.start + index + len(needle)
        return None

    def _walk(self, path: Path) -> list[Node]:
        """The nodes from the root along the path, as far as they exist."""
        if self.root is None:
            return []
        nodes = [self.root]
        for step in path:
            children = nodes[-1].children
            if isinstance(children, dict) and step in children:
                nodes.append(children[str(step)])
            elif isinstance(children, list) and isinstance(step, int) and step < len(children):
                nodes.append(children[step])
            else:
                break
        return nodes

    def _spot(self, nodes: list[Node], path: Path) -> Span | None:
        """A short place for the last node that exists: its first key, its own key, or itself."""
        if not nodes:
            return None
        node = nodes[-1]
        if node.keys:
            return self.span(*next(iter(node.keys.values())))
        if len(nodes) > 1 and (keys := nodes[-2].keys):
            return self.span(*keys[str(path[len(nodes) - 2])])
        return self.span(node.start, node.end)

    # --- lines ---

    @cached_property
    def _lines(self) -> Lines:
        return Lines(self.text)

    def span(self, start: int, end: int) -> Span:
        """Lines and columns of a stretch of the text."""
        return Span(*self._lines.position(start), *self._lines.position(max(start, end)))

    def line(self, number: int) -> str:
        """The text of a line, counted from 1, without its line break."""
        return self._lines.text_of(number)

    # --- problems ---

    def diagnose(
        self,
        code: str,
        message: str,
        path: Path = (),
        *,
        at: Literal["value", "key"] = "value",
        hint: str | None = None,
        span: Span | None = None,
    ) -> Diagnostic:
        """A problem of the value (or key) at ``path``, at ``span`` where that is a part of it.

        Of a dict, which has no places, the message begins with the path instead.
        """
        if self.root is None:
            where = f"{path_text(path)}: " if path else ""
            return Diagnostic(code, where + message, hint=hint, filename=self.filename)
        place = span or (self.key_span(path) if at == "key" else self.value_span(path))
        line = self.line(place.line) if place else None
        return Diagnostic(code, message, place, hint=hint, filename=self.filename, source_line=line)

    def note(self, problems: Iterable[Problem]) -> None:
        """Give the problems of a reader their places."""
        for code, message, start, end, hint in problems:
            span = self.span(start, end)
            line = self.line(span.line)
            self.problems.append(
                Diagnostic(code, message, span, hint=hint, filename=self.filename, source_line=line)
            )


def digest(document: Document, parts: Mapping[str, str] | None = None) -> str:
    """The SHA-256 of the text, in hexadecimal; of a dict, of its JSON. ``parts`` are the digests of what else
    belongs to it, by name.
    """
    text = document.text + "".join(f"\0{name}\0{of}" for name, of in sorted((parts or {}).items()))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def path_text(path: Sequence[str | int]) -> str:
    """``tasks[3].agent_name``, with odd keys in brackets and quotes."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif re.fullmatch(r"[\w-]+", step):
            text += f".{step}" if text else step
        else:
            text += f"[{quote(step)}]"
    return text


def _in_double_quotes(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _in_single_quotes(text: str) -> str:
    return text.replace("'", "''")


_ENCODERS = {'"': _in_double_quotes, "'": _in_single_quotes}
