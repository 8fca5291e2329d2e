"""Where the expressions of a string are: ``text {{ expression }} text``.

``{% %}`` and ``{# #}`` are no syntax here and stay text. ``{{-`` and ``-}}`` take away the white
space before and after them, as in Jinja. Linear in the length of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<string>'[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*")"""
    r"""|(?P<quote>['"])|(?P<open>[(\[{])|(?P<end>-?\}\})|(?P<close>[)\]}])""",
    re.DOTALL,
)
#: More brackets than this inside each other are refused before Jinja's parser recurses into them.
NESTING = 20
#: So many expressions, with text between them, may stand in one string.
EXPRESSIONS = 1000


@dataclass(frozen=True, slots=True)
class Text:
    """Literal text."""

    text: str


@dataclass(frozen=True, slots=True)
class Source:
    """The text of an expression between its braces; ``offset`` is where it starts."""

    text: str
    offset: int


class ScanError(Exception):
    """An expression that does not end; ``offset`` and ``length`` are the place."""

    def __init__(self, message: str, offset: int, length: int, hint: str | None = None) -> None:
        super().__init__(message)
        self.message, self.offset, self.length, self.hint = message, offset, length, hint


def split(text: str) -> list[Text | Source]:
    """The parts of a string, in order. Raises `ScanError`."""
    parts: list[Text | Source] = []
    for count, part in enumerate(_parts(text)):
        if count > 2 * EXPRESSIONS:
            message = f"more than {EXPRESSIONS:,} expressions in one string"
            raise ScanError(message, 0, 2, "build the text in smaller parts")
        parts.append(part)
    return parts


def _parts(text: str) -> Iterator[Text | Source]:
    position, strip = 0, False
    while (start := text.find("{{", position)) >= 0:
        inner = start + 2
        trim = text.startswith("-", inner)
        # As in Jinja, a sign right behind the braces is about white space and no part of the expression.
        inner += text.startswith(("-", "+"), inner)
        yield from _text(text[position:start], left=strip, right=trim)
        end, strip = _end(text, start, inner)
        yield Source(text[inner:end], inner)
        position = end + 2 + strip
    yield from _text(text[position:], left=strip, right=False)


def _text(text: str, *, left: bool, right: bool) -> Iterator[Text]:
    text = text.lstrip() if left else text
    text = text.rstrip() if right else text
    if text:
        yield Text(text)


def _end(text: str, start: int, inner: int) -> tuple[int, bool]:
    """Where the expression ends, and whether with ``-}}``."""
    position, stack = inner, ""
    while match := _TOKEN.search(text, position):
        found, word = match.lastgroup, match[0]
        if found == "quote":
            raise ScanError("the quotation mark is not closed", match.start(), 1)
        if found == "end" and not stack.endswith("{"):
            return match.start(), word[0] == "-"
        if found == "open":
            stack += word
            if len(stack) > NESTING:
                raise ScanError(f"more than {NESTING} brackets inside each other", match.start(), 1)
        elif found in ("close", "end"):
            stack = stack[:-1]
        # "}}" inside of braces closes one of them: the second brace is looked at again.
        position = match.start() + (match.end() - match.start() if found != "end" else len(word) - 1)
    raise ScanError(
        'the expression is not closed with "}}"', start, 2, "a literal brace pair is written {{ '{{' }}"
    )
