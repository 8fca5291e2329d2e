"""A dict given by a program: checked to be plain data, and copied, so that later changes to it do nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from leadagent_prefect.diagnostics import quote
from leadagent_prefect.source.limits import MAX_DEPTH, MAX_NODES
from leadagent_prefect.source.nodes import Stop

_Path = tuple[str | int, ...]
Trouble = tuple[str, str, _Path]
"""Code, message, path."""

_SURROGATE = re.compile("[\ud800-\udfff]")


def plain_copy(data: object) -> tuple[Any, list[Trouble]]:
    """The data as dicts, lists and scalars of the plain classes; with problems, what could be copied.

    0 or None stands for what could not; all is None where copying had to stop.
    """
    copier = _Copier()
    try:
        return copier.copy(data, ()), copier.problems
    except Stop:
        return None, copier.problems


class _Copier:
    def __init__(self) -> None:
        self.problems: list[Trouble] = []
        self.nodes = 0
        self.above: set[int] = set()

    def copy(self, value: object, path: _Path) -> Any:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self._stop("too-many-nodes", f"more than {MAX_NODES:,} keys and values", path[:1])
        if isinstance(value, (Mapping, list, tuple)):
            return self._container(value, path)
        return self._scalar(value, path)

    def _container(self, value: Mapping[Any, Any] | list[Any] | tuple[Any, ...], path: _Path) -> Any:
        if id(value) in self.above:
            self._note("self-reference", "the value contains itself", path)
            return None
        if len(path) >= MAX_DEPTH:
            raise self._stop("too-deep", f"more than {MAX_DEPTH} levels of lists and mappings", path[:1])
        self.above.add(id(value))
        copied: Any
        if isinstance(value, Mapping):
            copied = {self._key(k, path): self.copy(v, (*path, str(k))) for k, v in value.items()}
        else:
            copied = [self.copy(item, (*path, index)) for index, item in enumerate(value)]
        self.above.discard(id(value))
        return copied

    def _key(self, key: object, path: _Path) -> str:
        self.nodes += 1
        if not isinstance(key, str):
            self._note("non-string-key", f"the key {quote(repr(key))} is not a string", path)
            return str(key)
        return str(self._scalar(key, path))

    def _scalar(self, value: object, path: _Path) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            # The plain text of a subclass too, such as a member of AgentType.
            text = str.__str__(value)
            if _SURROGATE.search(text):
                self._note("control-character", "half of a surrogate pair in a string", path)
                return _SURROGATE.sub("\ufffd", text)
            return text
        if isinstance(value, int):
            number = int(value)
            if abs(number) > 2**53:
                self._note("number-too-large", "a number beyond 2^53", path)
                return 0
            return number
        if isinstance(value, float):
            if not math.isfinite(value):
                self._note("not-finite", f"{value} is not a finite number", path)
                return 0
            return float(value)
        self._note(
            "not-plain-data", f"an object of class {quote(type(value).__name__)} is not plain data", path
        )
        return None

    def _note(self, code: str, message: str, path: _Path) -> None:
        self.problems.append((code, message, path))

    def _stop(self, code: str, message: str, path: _Path) -> Stop:
        self._note(code, message, path)
        return Stop()
