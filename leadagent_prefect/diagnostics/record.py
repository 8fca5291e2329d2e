"""A problem and its place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from leadagent_prefect.codes import CODES


class Span(NamedTuple):
    """A stretch of text: lines and columns count from 1, columns in characters; the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True)
class Diagnostic:
    """One problem of a file.

    ``severity``, error or warning, is the code's own unless given. ``span`` is None where the workflow has
    no text (a dict); the message then begins with the path of the value. ``source_line`` is the line of the
    span's start, without its line break, so that a diagnostic can be shown without its file.
    """

    code: str
    message: str
    span: Span | None = None
    severity: str = ""
    hint: str | None = None
    filename: str = "<string>"
    source_line: str | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.severity:
            object.__setattr__(self, "severity", CODES[self.code].severity)

    @property
    def sort_key(self) -> tuple[str, tuple[int, ...], str, str]:
        """By file, then position; what concerns the whole file comes first."""
        return (self.filename, tuple(self.span or ()), self.code, self.message)

    @property
    def location(self) -> str:
        """``FILE:LINE:COLUMN``, or the file alone."""
        return f"{self.filename}:{self.span.line}:{self.span.column}" if self.span else self.filename
