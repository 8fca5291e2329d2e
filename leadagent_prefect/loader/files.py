"""The files of a workflow: its own, those of its sub-workflows, and theirs."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from leadagent_prefect.checks import check
from leadagent_prefect.diagnostics import Diagnostic, did_you_mean, quote
from leadagent_prefect.draft import Draft
from leadagent_prefect.loader.assembly import assemble
from leadagent_prefect.source import Document, read_data, read_path, read_text
from leadagent_prefect.source import Path as Place
from leadagent_prefect.source.limits import MAX_PROBLEMS

__all__ = ["MAX_LEVELS", "Files", "Parts", "key_of"]

MAX_LEVELS = 10

Parts = Mapping[str, str | Mapping[str, Any]]
"""The text of each sub-workflow, or its data, by its key."""

_UNREAD = frozenset({"not-finite", "number-too-large", "self-reference", "unknown-alias"})
_SUFFIXES = (".yaml", ".yml", ".json")


def key_of(above: str, written: str) -> str:
    """What a sub-workflow is known by: its path from the folder of the first file, with forward slashes.

    ``above`` is the key of the file that says ``written``, empty for the first one.
    """
    return posixpath.normpath(posixpath.join(posixpath.dirname(above), written))


@dataclass(frozen=True)
class _File:
    """``key`` is empty for the file that all begins with. Two files are one if their ``identity`` is: the
    path without links, or the key where nothing is read from the disk. ``shown`` stands in problems.
    """

    key: str
    identity: str
    shown: str


class Files:
    """Examines a document and, each once, the files of its sub-workflows. With ``given`` these are taken
    from there, and nothing is read from the disk.
    """

    def __init__(self, root: Document, given: Parts | None = None) -> None:
        self.root = root
        self.given = None if given is None else {key_of("", key): part for key, part in given.items()}
        self.found: dict[str, list[Diagnostic]] = {}
        self.drafts: dict[str, Draft] = {}
        self.levels: dict[str, int] = {}

    def examine(self) -> tuple[Draft, list[Diagnostic]]:
        """The draft, with those of the sub-workflows in it, and all problems: first its own."""
        draft = self._examine(self.root, (self._file("", Path(self.root.filename).name),))
        return draft, [problem for problems in self.found.values() for problem in problems]

    def _file(self, key: str, path: str) -> _File:
        """``path`` is that of the first file's folder to this one."""
        shown = os.path.normpath(Path(self.root.filename).parent / path)
        if self.given is not None or "\0" in path:  # of such a path nothing can be asked
            return _File(key, key, shown)
        return _File(key, os.path.realpath(self._place(path)), shown)

    def _place(self, path: str) -> str:
        return os.path.normpath((self.root.base or Path()) / path)

    def _examine(self, document: Document, chain: tuple[_File, ...]) -> Draft:
        """``chain`` are the files from the first to this one."""
        own = chain[-1]
        first = own.identity not in self.found  # by another name it was reported already
        self.found.setdefault(own.identity, [])
        draft, found = assemble(document)
        self.levels[own.key] = 0
        for path, written in _named(draft):
            if written not in draft.parts:
                found += self._include(draft, path, written, chain)
        if document.data is not None:
            found += check(draft)
        if first:
            self.found[own.identity] = _ordered(document, found)
        return draft

    def _include(
        self, draft: Draft, path: Place, written: str, chain: tuple[_File, ...]
    ) -> Iterable[Diagnostic]:
        """Puts a sub-workflow among the parts of the draft, or says why it can't be."""
        above, say = chain[-1], draft.document.diagnose
        key = key_of(above.key, written)
        file = self._file(key, key)
        around = [one.identity for one in chain]
        if file.identity in around:
            names = [one.shown for one in chain[around.index(file.identity) :]]
            message = f"files that include each other: {' -> '.join(map(quote, [*names, names[0]]))}"
            yield say("workflow-cycle", message, path, hint="take one of them out")
        elif len(chain) + self.levels.get(key, 0) > MAX_LEVELS:
            message = f"{quote(written)} is more than {MAX_LEVELS} levels below the first file"
            yield say("workflow-too-deep", message, path, hint="make one workflow of some of them")
        elif (problem := self._add(file, chain)) is not None:
            message = problem.message.replace("the file", quote(written), 1)
            yield say("unreadable-file", message, path, hint=problem.hint)
        else:
            draft.parts[written] = self.drafts[key]
            self.levels[above.key] = max(self.levels[above.key], self.levels[key] + 1)

    def _add(self, file: _File, chain: tuple[_File, ...]) -> Diagnostic | None:
        """Reads a file unless it was read before. The problem where it can't be."""
        if file.key in self.drafts:
            return None
        document = self._read(file)
        for problem in document.problems:
            if problem.code == "unreadable-file":
                return replace(problem, hint=problem.hint or self._near(file))
        self.drafts[file.key] = self._examine(document, (*chain, file))
        return None

    def _read(self, file: _File) -> Document:
        folder = Path(self._place(file.key)).parent if self.root.base is not None else None
        if self.given is not None:
            part = self.given.get(file.key)
            if isinstance(part, Mapping):
                return read_data(part, file.shown, folder)
            if part is not None:
                return read_text(part, file.shown, "json" if file.key.endswith(".json") else "yaml", folder)
            return _unreadable(file, "it is not among the parts", f"parts: {_listed(self.given)}")
        if folder is None:
            hint = "read this workflow from a file, or say which folder is its base"
            return _unreadable(file, "a workflow that is no file has no folder to look in", hint)
        return read_path(self._place(file.key), file.shown)

    def _near(self, file: _File) -> str | None:
        """The files of the folder, where it can be read."""
        path = Path(self._place(file.key))
        try:
            names = [other.name for other in path.parent.iterdir() if other.suffix in _SUFFIXES]
        except (OSError, ValueError):
            return "files are found relative to the folder of the file that names them"
        return did_you_mean(path.name, names, "in that folder")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(quote, sorted(names))) or "none"


def _unreadable(file: _File, reason: str, hint: str) -> Document:
    problem = Diagnostic("unreadable-file", f"can't read the file: {reason}", hint=hint, filename=file.shown)
    return Document("", file.shown, problems=[problem])


def _named(draft: Draft) -> Iterator[tuple[Place, str]]:
    """Where tasks name files, and which."""
    for path, task in draft.tasks.items():
        place = (*path, "workflow")
        if task.workflow is not None and "{{" not in task.workflow and not draft.is_broken(*place):
            yield place, task.workflow


def _ordered(document: Document, found: Iterable[Diagnostic]) -> list[Diagnostic]:
    # What can't be read stands as 0 or null in the data: nothing is to be said of that.
    unread = {problem.span for problem in document.problems if problem.code in _UNREAD and problem.span}
    unique = dict.fromkeys([*document.problems, *(d for d in found if d.span not in unread)])
    ordered = sorted(unique, key=lambda d: d.sort_key)
    if len(ordered) > MAX_PROBLEMS:
        last = ordered[MAX_PROBLEMS - 1]
        message = f"more than {MAX_PROBLEMS:,} problems: those after this one are not shown"
        ordered[MAX_PROBLEMS:] = [replace(last, code="too-many-problems", message=message, hint=None)]
    return ordered
