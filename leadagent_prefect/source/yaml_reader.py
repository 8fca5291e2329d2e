"""YAML events -> nodes. Events, not PyYAML's own trees: limits hold before anything is built, places survive.

Only the scanner and parser are PyYAML's (libyaml's where it is there). Which scalars are numbers, which tags
are read, and what merging means is decided here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner

from leadagent_prefect.source.nodes import Node, Notes
from leadagent_prefect.source.yaml_builder import Builder
from leadagent_prefect.source.yaml_errors import syntax_problem

# Line breaks of YAML 1.1 that no editor shows as such are refused as well: a key could hide behind one.
_FORBIDDEN = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)

_TAG_DIRECTIVE = re.compile(r"^%TAG\b", re.MULTILINE)


class PureParser(Reader, Scanner, Parser):
    """The parser where libyaml is not there; about ten times slower."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)


def _default_parser() -> Any:
    if not yaml.__with_libyaml__:
        return PureParser
    from yaml import cyaml

    return cyaml.__dict__["CParser"]  # not in its stub


def read_yaml(text: str, notes: Notes, parser: Any = None) -> Node:
    """The tree of a YAML text; raises `Stop` where it can't be read further."""
    if bad := _FORBIDDEN.search(text):
        at, code = bad.start(), ord(bad.group())
        hint = f'write it as an escape in double quotes, such as "\\u{code:04x}", or delete it'
        raise notes.stop("control-character", f"character U+{code:04X} in the text", at, at + 1, hint)
    if directive := _TAG_DIRECTIVE.search(text):
        # No tag it could define would be read; libyaml compares each with each.
        place = directive.span()
        raise notes.stop(
            "unsupported-tag", "a %TAG directive defines tags of its own", *place, "delete the line"
        )
    builder = Builder(text, notes)
    for event in _events(text, notes, parser or _default_parser()):
        builder.take(event)
        if builder.ended:
            break
    return builder.document()


def _events(text: str, notes: Notes, parser: Any) -> Iterator[Any]:
    try:
        source = parser(text)
        while (event := source.get_event()) is not None:
            yield event
    except yaml.YAMLError as error:
        problem = syntax_problem(error, text)
        # An unquoted template was noted already, if it began well and only then led the parser astray.
        told = (problem[0], problem[2])
        notes.problems = [known for known in notes.problems if (known.code, known.start) != told]
        raise notes.stop(*problem) from None
