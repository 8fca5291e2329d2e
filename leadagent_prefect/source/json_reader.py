"""JSON with places. The standard parser gives none, keeps the last of two equal keys and takes NaN."""

from __future__ import annotations

import re
from json import JSONDecodeError
from json.decoder import scanstring  # type: ignore[attr-defined]  # not in its stub, but public

from leadagent_prefect.diagnostics import quote
from leadagent_prefect.source.core_schema import BadScalar, Scalar, resolve
from leadagent_prefect.source.nodes import Node, Notes, Place, Stop

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_WORD = re.compile(r"[-+]?\w+")
_SURROGATE = re.compile("[\ud800-\udfff]")
_Decoded = tuple[str, int]
_WORDS: dict[str, Scalar] = {"true": True, "false": False, "null": None}


def read_json(text: str, notes: Notes) -> Node:
    """The tree of a JSON text; raises `Stop` where it can't be read further."""
    reader = _Reader(text, notes)
    start = reader.skip(0)
    if start == len(text):
        raise notes.stop("empty-document", "the file is empty", start, start)
    node = reader.value(start, 0)
    end = reader.skip(node.end)
    if end < len(text):
        raise reader.unexpected(end, "nothing after the end of the value")
    return node


class _Reader:
    def __init__(self, text: str, notes: Notes) -> None:
        self.text = text
        self.notes = notes
        self.nodes = 0

    def skip(self, at: int) -> int:
        match = _SPACE.match(self.text, at)
        return match.end() if match else at  # pragma: no cover - the pattern matches the empty string

    def value(self, at: int, depth: int) -> Node:
        self.nodes += 1
        self.notes.count(self.nodes, at, at + 1)
        char = self.text[at : at + 1]
        if char in ("{", "["):
            self.notes.deepen(depth + 1, at, at + 1)
            return self.mapping(at, depth) if char == "{" else self.sequence(at, depth)
        if char == '"':
            text, end = self.string(at)
            return Node(text, at, end, '"')
        if match := _NUMBER.match(self.text, at):
            return Node(self.number(match), *match.span())
        return self.word(at)

    def number(self, match: re.Match[str]) -> Scalar:
        value = resolve(match.group())
        if isinstance(value, BadScalar):
            self.notes.add(value.code, value.message, *match.span(), value.hint)
            return 0
        return value

    def word(self, at: int) -> Node:
        match = _WORD.match(self.text, at)
        if match is None:
            raise self.unexpected(at, "a value")
        word = match.group()
        if word in _WORDS:
            return Node(_WORDS[word], *match.span())
        if word.lstrip("+-") in ("NaN", "Infinity"):
            self.notes.add("not-finite", f"{word} is not a finite number", *match.span())
            return Node(0, *match.span())
        raise self.unexpected(at, "a value", "strings stand in double quotes")

    def string(self, at: int) -> _Decoded:
        try:
            text, end = scanstring(self.text, at + 1, True)
        except JSONDecodeError as error:
            raise self.bad_string(error, at) from None
        if _SURROGATE.search(text):
            self.notes.add("control-character", "half of a surrogate pair in a string", at, end)
            text = _SURROGATE.sub("\ufffd", text)
        return text, end

    def bad_string(self, error: JSONDecodeError, at: int) -> Stop:
        if error.msg.startswith("Unterminated"):
            return self.notes.stop("syntax-error", "the string that begins here has no end", at, at + 1)
        if error.msg.startswith("Invalid control"):
            hint = "write it as an escape, a line break as \\n"
            message = "a control character or line break stands in a string"
            return self.notes.stop("control-character", message, error.pos, error.pos + 1, hint)
        hint = "a backslash itself is written \\\\"
        return self.notes.stop("syntax-error", "not an escape of JSON", error.pos, error.pos + 2, hint)

    def sequence(self, at: int, depth: int) -> Node:
        children: list[Node] = []
        position = self.skip(at + 1)
        while self.text[position : position + 1] != "]":
            children.append(self.value(position, depth + 1))
            position = self.separator(children[-1].end, "]")
        return Node([child.value for child in children], at, position + 1, children=children)

    def mapping(self, at: int, depth: int) -> Node:
        keys: dict[str, Place] = {}
        children: dict[str, Node] = {}
        position = self.skip(at + 1)
        while self.text[position : position + 1] != "}":
            if self.text[position : position + 1] != '"':
                raise self.unexpected(position, "a key in double quotes")
            key, end = self.string(position)
            place = (position, end)
            colon = self.skip(end)
            if self.text[colon : colon + 1] != ":":
                raise self.unexpected(colon, '":" after the key')
            child = self.value(self.skip(colon + 1), depth + 1)
            self.nodes += 1
            if key in keys:
                self.notes.duplicate(key, keys[key], place)
            else:
                keys[key], children[key] = place, child
            position = self.separator(child.end, "}")
        value = {key: child.value for key, child in children.items()}
        return Node(value, at, position + 1, keys=keys, children=children)

    def separator(self, at: int, close: str) -> int:
        """The place of the next item, or of the closing bracket."""
        position = self.skip(at)
        char = self.text[position : position + 1]
        if char == close:
            return position
        if char != ",":
            raise self.unexpected(position, f'"," or "{close}"')
        after = self.skip(position + 1)
        if self.text[after : after + 1] == close:
            raise self.notes.stop(
                "syntax-error", f'a comma before "{close}"', position, position + 1, "delete it"
            )
        return after

    def unexpected(self, at: int, expected: str, hint: str | None = None) -> Stop:
        found = quote(self.text[at]) if at < len(self.text) else "the end of the file"
        return self.notes.stop("syntax-error", f"found {found}, expected {expected}", at, at + 1, hint)
