"""What PyYAML can't read, in our words and with what to do. libyaml and the pure parser word it alike."""

from __future__ import annotations

import re
from typing import Any

import yaml

from leadagent_prefect.diagnostics import quote

_Found = tuple[str, str, int, int, str | None]
"""Code, message, start, end, hint."""

_QUOTES = "put the value in quotes"
_TABLE = (
    (
        "mapping values are not allowed",
        'a second ": " in one line, or a line indented deeper than the one it belongs to',
        'put a text that holds ": " in quotes, or line the key up with those above it',
    ),
    ("could not find expected ':'", "a line that is neither a key with a colon nor part of a text", None),
    ("did not find expected key", "a line that doesn't fit the mapping around it", "check its indentation"),
    ("did not find expected '-' indicator", "a line that doesn't fit the list around it", "check its indentation"),
    ("expected <block end>", "a line that doesn't fit the list or mapping around it", "check its indentation"),
    ("did not find expected ',' or ']'", 'a list that began with "[" goes on wrongly', 'expected "," or "]"'),
    ("expected ',' or ']'", 'a list that began with "[" goes on wrongly', 'expected "," or "]"'),
    ("did not find expected ',' or '}'", 'a mapping that began with "{" goes on wrongly', 'expected "," or "}"'),
    ("expected ',' or '}'", 'a mapping that began with "{" goes on wrongly', 'expected "," or "}"'),
    ("found unexpected end of stream", "a quote that was opened is never closed", "close it on the same line"),
    ("block sequence entries are not allowed", 'a list item ("- ") can\'t begin here', "begin it on its own line"),
    ("unknown escape character", "an escape that double quotes don't have", "in single quotes \\ is itself"),
    ("found undefined tag handle", "a tag that is not plain data", "delete the tag"),
)


def syntax_problem(error: yaml.YAMLError, text: str) -> _Found:
    """The problem at the place the parser names; the end of the text where it names none."""
    at, words = _where(error, text)
    if (tab := _tab(text, at)) is not None:
        return "tab-indent", "a tab in the indentation", tab, tab + 1, "indent with spaces"
    if words.startswith("found undefined tag handle"):
        return "unsupported-tag", "a tag that is not plain data", at, at + 1, "delete the tag"
    if (template := _template(text, at)) is not None:
        start, end = template
        hint = "put the whole value in quotes"
        return "unquoted-template", "a template must stand in quotes", start, end, hint
    message, hint = _explained(words, text[at : at + 1])
    return "syntax-error", message, at, min(at + 1, len(text)), hint


def _where(error: Any, text: str) -> tuple[int, str]:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    words = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    return min(mark.index if mark is not None else len(text), len(text)), words


def _explained(words: str, char: str) -> tuple[str, str | None]:
    if words.startswith("found character") and char:
        return f"a value can't begin with {quote(char)}", _QUOTES
    for known, message, hint in _TABLE:
        if words.startswith(known):
            return message, hint
    return f"not valid YAML: {words}", None


def _line(text: str, at: int) -> tuple[int, str]:
    start = max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1
    return start, re.split(r"[\r\n]", text[start : start + 10_000], maxsplit=1)[0]


def _tab(text: str, at: int) -> int | None:
    """The tab in the white space before the line's first character."""
    start, line = _line(text, at)
    blank = line[: len(line) - len(line.lstrip(" \t"))]
    return start + blank.index("\t") if "\t" in blank else None


def _template(text: str, at: int) -> tuple[int, int] | None:
    """An unquoted template that the parser stumbled over in this line."""
    start, line = _line(text, at)
    match = re.search(r"(?:: |- )\s*(\{\{.*)", line)
    return (start + match.start(1), start + len(line.rstrip())) if match else None
