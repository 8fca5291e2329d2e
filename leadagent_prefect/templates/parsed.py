"""A string with templates, read once: its literal parts and the trees of its expressions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from leadagent_prefect.templates.problem import TemplateProblem
from leadagent_prefect.templates.scan import ScanError, Source, Text, split
from leadagent_prefect.templates.tree import Node

_CACHED_LENGTH = 16_384


@dataclass(frozen=True, slots=True)
class Expression:
    """One ``{{ source }}`` and its tree."""

    source: str
    node: Node


@dataclass(frozen=True, slots=True)
class Template:
    """The parts in order; with problems there are none, and it is not to be rendered.

    ``trees`` are those of every expression that could be read, of refused ones too: what they refer to
    is checked all the same.
    """

    parts: tuple[str | Expression, ...]
    problems: tuple[TemplateProblem, ...]
    trees: tuple[Node, ...] = ()

    @property
    def whole(self) -> Expression | None:
        """The one expression that the string is, but for white space around it."""
        found = [part for part in self.parts if isinstance(part, Expression)]
        blank = all(isinstance(part, Expression) or not part.strip() for part in self.parts)
        return found[0] if len(found) == 1 and blank else None


def template(text: str) -> Template:
    """The parsed string; short ones are kept."""
    return _cached(text) if len(text) <= _CACHED_LENGTH else _parse(text)


def _parse(text: str) -> Template:
    try:
        parts = split(text)
    except ScanError as error:
        problem = TemplateProblem("template-syntax", error.message, error.offset, error.length, error.hint)
        return Template((), (problem,))
    built: list[str | Expression] = []
    problems: list[TemplateProblem] = []
    for part in parts:
        if isinstance(part, Text):
            built.append(part.text)
        else:
            node, found = _tree(part)
            problems += found
            built.append(Expression(part.text.strip(), node))
    trees = tuple(part.node for part in built if isinstance(part, Expression))
    return Template(() if problems else tuple(built), tuple(problems), trees)


def _tree(source: Source) -> tuple[Node, list[TemplateProblem]]:
    from leadagent_prefect.templates.grammar import SyntaxProblem, parse, plain_path
    from leadagent_prefect.templates.tree import Const

    node = plain_path(source)
    if node is not None:
        return node, []
    try:
        expression, tokens = parse(source)
    except SyntaxProblem as error:
        return Const(None), [error.problem]
    from leadagent_prefect.templates.convert import Converter

    converter = Converter(tokens)
    node = converter.convert(expression)
    return node, sorted(converter.problems, key=lambda problem: problem.offset)


_cached = lru_cache(maxsize=4096)(_parse)
