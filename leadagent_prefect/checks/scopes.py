"""Lists of tasks, and what tasks see of each other: those beside them and those around them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from leadagent_prefect.diagnostics import quote
from leadagent_prefect.draft import Draft
from leadagent_prefect.source import Path
from leadagent_prefect.source.document import path_text

#: The lists at the top: the run itself, and what runs when all else has ended.
TOP = ("tasks", "on_failure", "finally")


class Part(NamedTuple):
    """An agent or task as written; ``label`` is what a message calls it."""

    path: Path
    data: Mapping[str, Any]
    name: str | None
    label: str


def parts(items: Any, path: Path) -> Iterator[Part]:
    """The agents or tasks of the list at ``path``."""
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, Mapping):
            name = item.get("name")
            name = name if isinstance(name, str) else None
            noun = "agent" if path == ("agents",) else "task"
            place = (*path, index)
            yield Part(place, item, name, path_text(place) if name is None else f"{noun} {quote(name)}")


def item_names(task: Part) -> tuple[str, ...]:
    """What templates see of the items of a map; of a task that is none, nothing."""
    if "for_each" not in task.data:
        return ()
    name = task.data.get("as")
    return ("item", "index", name) if isinstance(name, str) else ("item", "index")


@dataclass(frozen=True)
class Scope:
    """The tasks of one list, at ``path``. ``owner`` is the task in which they stand; ``above`` are those that
    they see besides.
    """

    path: Path
    parts: list[Part]
    owner: Part | None = None
    above: Scope | None = None

    @cached_property
    def names(self) -> Mapping[str, Part]:
        """Tasks by name; of two with one name, which is reported, the first."""
        names: dict[str, Part] = {}
        for part in self.parts:
            if part.name is not None:
                names.setdefault(part.name, part)
        return names

    @property
    def at_end(self) -> bool:
        """Whether they run when all else has ended."""
        return self.path[0] != "tasks"

    def outward(self) -> Iterator[Scope]:
        """This one, and those whose tasks are seen from here."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.above

    def holder(self, name: str) -> Scope | None:
        """Where the task stands that ``name`` means here."""
        return next((scope for scope in self.outward() if name in scope.names), None)

    def seen(self) -> list[str]:
        """The names of all tasks that are seen from here."""
        return [name for scope in self.outward() for name in scope.names]

    @cached_property
    def _at(self) -> Mapping[Path, Part]:
        return {part.path: part for part in self.names.values()}

    def member(self, task: Part) -> Part | None:
        """The one of these tasks that ``task`` is, or in which it stands."""
        return self._at.get(task.path[: len(self.path) + 1])


class Scopes:
    """All lists of tasks of a file, each behind those that are seen from it."""

    def __init__(self, data: Mapping[str, Any], draft: Draft) -> None:
        self.draft = draft
        self.at: dict[Path, Scope] = {}
        for key in TOP:
            above = self.at.get(("tasks",)) if key != "tasks" else None
            self._add(data.get(key), (key,), None, above)

    def _add(self, items: Any, path: Path, owner: Part | None, above: Scope | None) -> None:
        if path in self.draft.broken:
            items = None
        scope = self.at[path] = Scope(path, list(parts(items, path)), owner, above)
        for part in scope.parts:
            if "tasks" in part.data:
                self._add(part.data["tasks"], (*part.path, "tasks"), part, scope)

    @cached_property
    def tasks(self) -> list[Part]:
        return [part for scope in self.at.values() for part in scope.parts]

    @property
    def at_end(self) -> list[Part]:
        """The tasks that run when all else has ended, and those in them."""
        return [part for scope in self.at.values() if scope.at_end for part in scope.parts]

    def of(self, task: Part) -> Scope:
        """The list in which a task stands."""
        return self.at[task.path[:-1]]

    def around(self, task: Part) -> Iterator[Part]:
        """The tasks in which a task stands, the innermost first."""
        while (owner := self.of(task).owner) is not None:
            yield owner
            task = owner

    @cached_property
    def homes(self) -> Mapping[str, Scope]:
        """A list that has a task of that name, wherever it is."""
        return {name: scope for scope in reversed(self.at.values()) for name in scope.names}
