"""Path, text or dict -> Workflow, or `ConfigurationError` with every problem there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from leadagent_prefect.checks import check
from leadagent_prefect.diagnostics import Diagnostic, render_text
from leadagent_prefect.draft import Draft
from leadagent_prefect.errors import ConfigurationError
from leadagent_prefect.loader.assembly import assemble, finish
from leadagent_prefect.models import Workflow
from leadagent_prefect.source import Document, digest, read_data, read_path, read_text
from leadagent_prefect.source.limits import MAX_PROBLEMS

__all__ = ["Loaded", "examine", "load", "read"]

_UNREAD = frozenset({"not-finite", "number-too-large", "self-reference", "unknown-alias"})

_LONGEST_PATH = 4096

Source = str | Path | Mapping[str, Any]


@dataclass(frozen=True)
class Loaded:
    """A valid workflow with the document it was read from, and what `validate` would warn of.

    ``parts`` are its sub-workflows, by what ``workflow:`` says.
    """

    workflow: Workflow
    document: Document
    warnings: tuple[Diagnostic, ...] = ()
    parts: Mapping[str, Loaded] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """The SHA-256 of the document's text."""
        return digest(self.document)


def load(
    source: Source,
    *,
    format: Literal["yaml", "json"] | None = None,
    filename: str | None = None,
    base: Path | None = None,
) -> Loaded:
    """The workflow of a file, a text or a dict; see `read`. Raises `ConfigurationError` with all problems."""
    document = read(source, format=format, filename=filename, base=base)
    draft, diagnostics = examine(document)
    if any(d.severity == "error" for d in diagnostics):
        raise ConfigurationError(render_text(diagnostics).rstrip("\n"), diagnostics)
    return Loaded(finish(draft), document, tuple(diagnostics))


def read(
    source: Source,
    *,
    format: Literal["yaml", "json"] | None = None,
    filename: str | None = None,
    base: Path | None = None,
) -> Document:
    """The document of a source. A string with a line break, or that begins with a brace, or longer than any
    path is the text of a workflow; any other is the path of a file. ``format``, ``filename`` and ``base``
    are of a text.
    """
    if isinstance(source, Mapping):
        return read_data(source, filename or "<dict>", base)
    if isinstance(source, str) and _is_text(source):
        return read_text(source, filename or "<string>", format or "yaml", base)
    return read_path(source)


def _is_text(source: str) -> bool:
    return "\n" in source or source.lstrip().startswith("{") or len(source) > _LONGEST_PATH


def examine(document: Document) -> tuple[Draft, list[Diagnostic]]:
    """All problems of a document, errors and warnings, sorted by position; and as much of it as is whole."""
    draft, found = assemble(document)
    if document.data is not None:
        found += check(draft)
    # What can't be read stands as 0 or null in the data: nothing is to be said of that.
    unread = {problem.span for problem in document.problems if problem.code in _UNREAD and problem.span}
    unique = dict.fromkeys([*document.problems, *(d for d in found if d.span not in unread)])
    ordered = sorted(unique, key=lambda d: d.sort_key)
    if len(ordered) > MAX_PROBLEMS:
        last = ordered[MAX_PROBLEMS - 1]
        message = f"more than {MAX_PROBLEMS:,} problems: those after this one are not shown"
        ordered[MAX_PROBLEMS:] = [replace(last, code="too-many-problems", message=message, hint=None)]
    return draft, ordered
