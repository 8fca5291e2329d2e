"""Jinja's own lexer and parser over one expression, with exact places.

The lexer is asked for raw tokens, whose line numbers are replaced by offsets: they come back on every
node and error. Names and dotted names, which most expressions are, need no Jinja (nor its import).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from leadagent_prefect.templates.problem import TemplateProblem
from leadagent_prefect.templates.scan import Source
from leadagent_prefect.templates.tree import Const, Item, Name, Node

if TYPE_CHECKING:
    from jinja2 import Environment, nodes

_PATH = re.compile(r"\s*([A-Za-z_]\w*)((?:\.[A-Za-z_]\w*){0,40})\s*", re.ASCII)
_ESCAPES = "\\'\"abfnrtvx01234567NuU\n"
_WORDS = frozenset(
    ["not", "and", "or", "in", "is", "if", "else", "true", "false", "none", "True", "False", "None"]
)


#: Longer expressions are refused: parsing takes some 5 us a character.
LENGTH = 10_000


class SyntaxProblem(Exception):
    """An expression that Jinja can't parse; carries one `TemplateProblem`."""

    def __init__(self, message: str, offset: int, length: int = 1, hint: str | None = None) -> None:
        super().__init__(message)
        self.problem = TemplateProblem("template-syntax", message, offset, length, hint)


def plain_path(source: Source) -> Node | None:
    """The tree of ``a`` or ``a.b.c``; None for any other expression."""
    match = _PATH.fullmatch(source.text)
    if match is None or match[1] in _WORDS or "__." in f"{match[2]}.":
        return None  # the converter has a word on `.__class__`
    end = source.offset + match.end(1)
    node: Node = Name(match[1], source.offset + match.start(1), end)
    for part in match[2].split(".")[1:]:
        end += 1 + len(part)
        node = Item(node, Const(part), end)
    return node


class Tokens:
    """The raw tokens of an expression, to find the place of what a node does not tell."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._texts: list[str] = []

    def keep(self, raw: Iterator[tuple[int, str, str]], base: int) -> Iterator[tuple[int, str, str]]:
        """The tokens with offsets in place of line numbers."""
        from jinja2 import TemplateSyntaxError

        offset = base
        try:
            for _, kind, text in raw:
                self._starts.append(offset)
                self._texts.append(text)
                yield offset, kind, _escape(text) if kind == "string" else text
                offset += len(text)
        except TemplateSyntaxError as error:
            message = re.sub(r" at \d+$", "", error.message or "not an expression")
            raise SyntaxProblem(message.replace("char ", "character "), offset) from None

    def length(self, offset: int) -> int:
        """The length of the token at an offset."""
        index = bisect_left(self._starts, offset)
        return len(self._texts[index]) if index < len(self._starts) else 1

    def find(self, offset: int, text: str) -> tuple[int, int]:
        """Offset and length of the first token of this text from an offset on."""
        behind = range(bisect_left(self._starts, offset), len(self._starts))
        return next((self._starts[index] for index in behind if self._texts[index] == text), offset), len(
            text
        )

    def next_end(self, offset: int) -> int:
        """Where the token behind the one at an offset ends, white space left out."""
        index = bisect_left(self._starts, offset) + 1
        index += self._texts[index].isspace()
        return self._starts[index] + len(self._texts[index])

    def closing(self, offset: int) -> int | None:
        """Where the bracket that opens at an offset has closed; None where none opens there."""
        first = bisect_left(self._starts, offset)
        depth = 0
        for index in range(first, len(self._starts)):
            text = self._texts[index]
            depth += (text in "([{") - (text in ")]}")
            if depth == 0:
                return self._starts[index] + 1 if index > first else None
        raise AssertionError("the parser has seen it close")  # pragma: no cover  # see the message


def parse(source: Source) -> tuple[nodes.Expr, Tokens]:
    """Jinja's tree of an expression, ``lineno`` being an offset. Raises `SyntaxProblem`."""
    from jinja2 import TemplateSyntaxError
    from jinja2.lexer import TokenStream
    from jinja2.parser import Parser

    if len(source.text) > LENGTH:
        raise SyntaxProblem(f"the expression has more than {LENGTH:,} characters", source.offset - 2, 2)
    if not source.text.strip():
        raise SyntaxProblem("the expression is empty", source.offset - 2, 2)
    environment, tokens = _environment(), Tokens()
    # One character for another, so that offsets stay: Jinja would make one line end of two.
    raw = environment.lexer.tokeniter(source.text.replace("\r", "\n"), None, None, "variable")
    try:
        parser = Parser(environment, "", state="variable")
        parser.stream = TokenStream(environment.lexer.wrap(tokens.keep(raw, source.offset)), None, None)
        expression = parser.parse_expression()
        if not parser.stream.eos:
            current = parser.stream.current
            raise SyntaxProblem(
                "the expression goes on where it should end", current.lineno, tokens.length(current.lineno)
            )
    except TemplateSyntaxError as error:
        place = error.lineno
        # Jinja places an early end of the text on the token before.
        message = (error.message or "not an expression").replace("of template", "of the expression")
        message = message.replace("unexpected 'end of the expression'", "the expression ends too early")
        raise SyntaxProblem(message, place, tokens.length(place)) from None
    except ValueError:
        raise SyntaxProblem("a number is too large", source.offset, len(source.text)) from None
    except RecursionError:
        raise SyntaxProblem("the expression is nested too deeply", source.offset, len(source.text)) from None
    return expression, tokens


def _escape(text: str) -> str:
    """A backslash that begins no escape doubled: it stays one, and Python does not warn of it."""
    return re.sub(r"\\(.)", lambda m: m[0] if m[1] in _ESCAPES else "\\" + m[0], text, flags=re.DOTALL)


@cache
def _environment() -> Environment:
    from jinja2 import Environment

    return Environment(keep_trailing_newline=True)  # noqa: S701  # parses alone, and makes no HTML
