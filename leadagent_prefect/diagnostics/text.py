"""Diagnostics for people: the place, the message, the line and carets under the span."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from leadagent_prefect.diagnostics.record import Diagnostic, Span
from leadagent_prefect.diagnostics.words import printable, visible

_WIDTH = 110
_LEAD = 40
_COLOURS = {"error": "31;1", "warning": "33;1"}


def render_text(diagnostics: Iterable[Diagnostic], source: str | None = None, *, color: bool = False) -> str:
    """All diagnostics, each with its line; ``source`` is the text for those that don't carry their line."""
    lines = source.splitlines() if source is not None else []
    return "".join(_render(d, _line_of(d, lines), color) for d in diagnostics)


def _line_of(diagnostic: Diagnostic, lines: list[str]) -> str | None:
    if diagnostic.source_line is not None or diagnostic.span is None:
        return diagnostic.source_line
    number = diagnostic.span.line
    return lines[number - 1] if number <= len(lines) else None


def _render(diagnostic: Diagnostic, line: str | None, color: bool) -> str:
    severity = _paint(f"{diagnostic.severity}[{diagnostic.code}]", _COLOURS[diagnostic.severity], color)
    head = f"{printable(diagnostic.location)}: {severity}: {printable(diagnostic.message)}\n"
    hint = printable(diagnostic.hint) if diagnostic.hint else ""
    if line is None or diagnostic.span is None:
        return head + (f"  {hint}\n" if hint else "")
    shown, indent, width = _window(line, diagnostic.span)
    number = str(diagnostic.span.line)
    bar = _paint(" " * len(number) + " |", "34", color)
    carets = _paint("^" * width, _COLOURS[diagnostic.severity], color)
    under = f"{bar} {' ' * indent}{carets} {hint}".rstrip()
    text = f"{bar}\n{_paint(f'{number} |', '34', color)} {shown}".rstrip()
    return f"{head}{text}\n{under}\n"


def _paint(text: str, style: str, color: bool) -> str:
    return f"\x1b[{style}m{text}\x1b[0m" if color else text


def _window(line: str, span: Span) -> tuple[str, int, int]:
    """The line as shown, the width before the span and the width of the span, in terminal cells.

    A line of a megabyte is cut to a window around the span.
    """
    start = min(span.column - 1, len(line))
    end = min(span.end_column - 1, len(line)) if span.end_line == span.line else len(line.rstrip())
    first = 0 if len(line) <= _WIDTH else max(0, start - _LEAD)
    last = min(len(line), first + _WIDTH)
    cells = [_cell(char) for char in line[first:last]]
    before = "…" if first else ""
    shown = before + "".join(cells) + ("…" if last < len(line) else "")
    indent = len(before) + sum(map(_columns, cells[: start - first]))
    width = sum(map(_columns, cells[start - first : end - first]))
    return shown, indent, max(1, width)


def _cell(char: str) -> str:
    return "    " if char == "\t" else visible(char)


def _columns(cell: str) -> int:
    """Terminal columns: wide characters take two, combining marks none."""
    if len(cell) > 1:
        return len(cell)
    if unicodedata.category(cell) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(cell) in "WF" else 1
