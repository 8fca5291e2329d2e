"""What every rule works on: the draft's parts as written, and the list of what was found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from leadagent_prefect.checks.scopes import Part as Part
from leadagent_prefect.checks.scopes import Scopes, parts
from leadagent_prefect.codes import CODES
from leadagent_prefect.diagnostics import Diagnostic, Span, did_you_mean
from leadagent_prefect.draft import Draft
from leadagent_prefect.source import Path

#: What takes time is done for so many finds of a file: a hint, an exact place, a report at all.
_HINTS, _PLACED, _ERRORS = 200, 1000, 5000


#: What holds for the undoing of a task as well, unless that says otherwise.
_SHARED = ("agent_name", "for_each", "as")


@dataclass
class Context:
    """Rules add to ``found``. What the loader has complained about is not reported again."""

    draft: Draft
    found: list[Diagnostic] = field(default_factory=list)
    templates: int = 0
    _hints: int = 0
    _errors: int = 0

    @cached_property
    def data(self) -> Mapping[str, Any]:
        """The top of the file."""
        data = self.draft.document.data
        return data if isinstance(data, Mapping) else {}

    @cached_property
    def agents(self) -> list[Part]:
        return [] if self.draft.is_broken("agents") else list(parts(self.data.get("agents"), ("agents",)))

    @cached_property
    def scopes(self) -> Scopes:
        """The tasks, list by list."""
        return Scopes(self.data, self.draft)

    @property
    def tasks(self) -> list[Part]:
        """Every task of the file, those within tasks and those at the end too."""
        return self.scopes.tasks

    @cached_property
    def agent_of(self) -> Mapping[str, Part]:
        """Agents by name; of two with one name the first."""
        return {part.name: part for part in reversed(self.agents) if part.name is not None}

    @cached_property
    def undos(self) -> list[Part]:
        """The ``compensate`` of tasks, each with the agent that it calls, and with what names its items."""
        return [
            Part(
                (*task.path, "compensate"),
                {**{key: task.data[key] for key in _SHARED if key in task.data}, **undo},
                task.name,
                f"compensate of {task.label}",
            )
            for task in self.tasks
            if isinstance(undo := task.data.get("compensate"), Mapping)
        ]

    @cached_property
    def _read(self) -> frozenset[Span | None]:
        """Places that the reader has complained about."""
        return frozenset(problem.span for problem in self.draft.document.problems)

    def near(self, name: str, known: Iterable[str], label: str = "defined") -> str | None:
        """The hint of an unknown name. Of a file with hundreds the first ones get one: it takes its time."""
        self._hints += 1
        return did_you_mean(name, known, label) if self._hints <= _HINTS else None

    def say(
        self,
        code: str,
        message: str,
        path: Path,
        *,
        hint: str | None = None,
        key: bool = False,
        place: tuple[int, int] | None = None,
        quiet: bool = False,
    ) -> None:
        """Report a problem of the value (or the key) at ``path``; ``place`` is offset and length in a string.

        With ``quiet`` the line is not shown with it: it holds a credential.
        """
        # An error that is left out stands behind thousands of others: none is left out of a valid file.
        if self._errors >= _ERRORS or self.draft.is_broken(*path):
            return
        self._errors += CODES[code].severity == "error"
        document = self.draft.document
        # The place within a string is searched for, which takes time in a long one.
        exact = place is not None and len(self.found) < _PLACED
        span = document.string_span(path, *place) if place and exact else None
        found = document.diagnose(code, message, path, at="key" if key else "value", hint=hint, span=span)
        if found.span is not None and found.span in self._read:
            return
        self.found.append(replace(found, source_line=None) if quiet else found)


def literal(value: Any) -> bool:
    """Whether a value is known as written: no template anywhere in it."""
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, str) and "{{" in item:
            return False
        if isinstance(item, Mapping):
            left.extend(item.values())
        elif isinstance(item, list):
            left.extend(item)
    return True


def strings(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Every string with a template within a value, in order, each with its path."""
    left: list[tuple[Path, Any]] = [(path, value)]
    while left:
        place, item = left.pop()
        if isinstance(item, str):
            if "{{" in item:
                yield place, item
        elif isinstance(item, Mapping):
            left += [((*place, key), inner) for key, inner in reversed(list(item.items()))]
        elif isinstance(item, list):
            left += [((*place, index), item[index]) for index in reversed(range(len(item)))]
