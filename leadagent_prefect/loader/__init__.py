"""Path, text or dict -> Workflow, or `ConfigurationError` with every problem there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from leadagent_prefect.diagnostics import Diagnostic, render_text
from leadagent_prefect.draft import Draft
from leadagent_prefect.errors import ConfigurationError
from leadagent_prefect.loader.assembly import finish
from leadagent_prefect.loader.files import Files, Parts, key_of
from leadagent_prefect.models import Workflow
from leadagent_prefect.source import Document, digest, read_data, read_path, read_text

__all__ = ["Loaded", "Parts", "examine", "load", "read"]

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

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the document's text and of the texts of its sub-workflows."""
        return digest(self.document, {written: part.digest for written, part in self.parts.items()})

    @cached_property
    def files(self) -> Mapping[str, Loaded]:
        """All sub-workflows, those of sub-workflows too, by the keys that `load` takes as ``parts``: the path
        from the folder of this workflow.
        """
        files: dict[str, Loaded] = {}
        left = [("", self)]
        while left:
            above, loaded = left.pop(0)
            for written, part in loaded.parts.items():
                if (key := key_of(above, written)) not in files:
                    files[key] = part
                    left.append((key, part))
        return files


def load(
    source: Source,
    *,
    format: Literal["yaml", "json"] | None = None,
    filename: str | None = None,
    base: Path | None = None,
    parts: Parts | None = None,
) -> Loaded:
    """The workflow of a file, a text or a dict; see `read`. Raises `ConfigurationError` with all problems.

    The files of its sub-workflows are read too; with ``parts`` they are taken from there, each by its path
    from the folder of this workflow: ``{"parts/digest.yaml": TEXT OR DICT}``.
    """
    document = read(source, format=format, filename=filename, base=base)
    draft, diagnostics = examine(document, parts)
    if any(d.severity == "error" for d in diagnostics):
        raise ConfigurationError(render_text(diagnostics).rstrip("\n"), diagnostics)
    return _loaded(draft, tuple(diagnostics), {})


def _loaded(draft: Draft, warnings: tuple[Diagnostic, ...], known: dict[int, Loaded]) -> Loaded:
    """``known`` are those of the drafts that were met before: a file may be included many times."""
    if id(draft) not in known:
        parts = {written: _loaded(part, (), known) for written, part in draft.parts.items()}
        known[id(draft)] = Loaded(finish(draft), draft.document, warnings, parts)
    return known[id(draft)]


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


def examine(document: Document, parts: Parts | None = None) -> tuple[Draft, list[Diagnostic]]:
    """All problems of a document and of its sub-workflows, errors and warnings, by file and position; and as
    much of it as is whole.
    """
    return Files(document, parts).examine()
