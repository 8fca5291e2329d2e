"""What PyYAML can't read, in our words and with what to do. libyaml and the pure parser word it alike."""

from __future__ import annotations

import re
from typing import Any

import yaml

from leadagent_prefect.diagnostics import quote

_Found = tuple[str, str, int, int, str | None]
"""Code, message, start, end, hint."""

_QUOTES = "put the value in quotes"
_SHAPE = "check the indentation, and quotes that end too early"
_TABLE: tuple[tuple[str, str, str | None], ...] = (
    (
        "mapping values are not allowed",
        'a second ": " in one line, or a line indented deeper than the one it belongs to',
        'put a text that holds ": " in quotes, or line the key up with those above it',
    ),
    ("could not find expected ':'", "a line that is neither a key with a colon nor part of a text", None),
    ("expected key", "this doesn't fit the mapping around it", _SHAPE),
    ("expected '-' indicator", "this doesn't fit the list around it", _SHAPE),
    ("expected <block end>", "this doesn't fit the list or mapping around it", _SHAPE),
    (
        "expected ',' or ']'",
        'the list that begins with "[" in line {line} goes on wrongly',
        'expected "," or "]"',
    ),
    (
        "expected ',' or '}'",
        'the mapping that begins with "{{" in line {line} goes on wrongly',
        'expected "," or "}"',
    ),
    ("found unexpected end of stream", "the quote that is opened here is never closed", "close it"),
    ("found unexpected document", "the quote that is opened here is never closed", "close it"),
    (
        "block sequence entries are not allowed",
        'a list item ("- ") can\'t begin here',
        "begin it on a line of its own",
    ),
    (
        "sequence entries are not allowed",
        'a list item ("- ") can\'t begin here',
        "begin it on a line of its own",
    ),
    ("found unknown escape", "an escape that double quotes don't have", "in single quotes a \\ is just that"),
    ("found invalid Unicode", "an escape that stands for no character", "write the character itself"),
    ("expected alphabetic or numeric", 'an "&" or "*" without a name', _QUOTES),
    ("expected the node content", "a value is missing before this", None),
    ("expected node content", "a value is missing before this", None),
    ("expected <document start>", "there is more after the end of the workflow", "delete it"),
    ("expected '<document start>'", "there is more after the end of the workflow", "delete it"),
)


def syntax_problem(error: yaml.YAMLError, text: str) -> _Found:
    """The problem at the place the parser names; the end of the text where it names none."""
    at, line, words = _where(error, text)
    if (tab := _tab(text, at)) is not None:
        start, _ = _line(text, tab)
        indent = not text[start:tab].strip()
        words = "a tab in the indentation" if indent else "a tab where only spaces may stand"
        return "tab-indent", words, tab, tab + 1, "indent with spaces"
    if words.startswith("found undefined tag handle"):
        return "unsupported-tag", "a tag that is not plain data", at, at + 1, "delete the tag"
    if (template := _template(text, at)) is not None:
        start, end = template
        words = "a template must stand in quotes"
        return "unquoted-template", words, start, end, "put the whole value in quotes"
    message, hint = _explained(words, text[at : at + 1])
    return "syntax-error", message.format(line=line), at, min(at + 1, len(text)), hint


def _where(error: Any, text: str) -> tuple[int, int, str]:
    """The offset of the problem, the line where what it concerns began, and the parser's words."""
    began = getattr(error, "context_mark", None)
    mark = getattr(error, "problem_mark", None) or began
    words = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
    words = words.removeprefix("did not find ")
    if words.startswith("found unexpected") and began is not None:
        mark = began  # a quote without an end is noticed far below
    at = min(mark.index if mark is not None else len(text), len(text))
    return at, began.line + 1 if began is not None else 1, words


def _explained(words: str, char: str) -> tuple[str, str | None]:
    if words.startswith("found character") and char:
        return f"a value can't begin with {quote(char)}", _QUOTES
    for known, message, hint in _TABLE:
        if words.startswith(known):
            return message, hint
    return f"not valid YAML: {words}".replace("{", "{{").replace("}", "}}"), None


def _line(text: str, at: int) -> tuple[int, str]:
    start = max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1
    return start, re.split(r"[\r\n]", text[start : start + 10_000], maxsplit=1)[0]


def _tab(text: str, at: int) -> int | None:
    """The tab in the white space before the line's first character, or the one the parser stumbled over."""
    if text[at : at + 1] == "\t":
        return at
    start, line = _line(text, at)
    blank = line[: len(line) - len(line.lstrip(" \t"))]
    return start + blank.index("\t") if "\t" in blank else None


def _template(text: str, at: int) -> tuple[int, int] | None:
    """An unquoted template that the parser stumbled over in this line."""
    start, line = _line(text, at)
    match = re.search(r"(?:: |- )\s*(\{\{.*)", line)
    return (start + match.start(1), start + len(line.rstrip())) if match else None
