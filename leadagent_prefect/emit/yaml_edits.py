"""Changes to a YAML text that leave all of it alone but the part they are about."""

from __future__ import annotations

from typing import Any

import yaml

from leadagent_prefect.emit.yaml_tree import Node


class Edits:
    """Collects changes of one text, and makes them all at once.

    ``offset`` is by how much the items of a list stand to the right of its key in new text.
    """

    def __init__(self, text: str, *, offset: int = 0) -> None:
        self._text, self._offset = text, offset
        self._newline = "\r\n" if "\r\n" in text else "\n"
        self._edits: list[tuple[int, int, str]] = []

    def made(self) -> str:
        """The text with all changes."""
        text = self._text
        # From the end on; of two at one place the one that was asked for first comes to stand first.
        ordered = sorted(enumerate(self._edits), key=lambda edit: (*edit[1][:2], edit[0]), reverse=True)
        for _, (start, end, put) in ordered:
            text = text[:start] + put + text[end:]
        return text

    def set(self, mapping: Node, key: str, value: Any, after: str) -> None:
        """``key: value`` in a mapping that has keys; one that is not written there comes after ``after``."""
        pair = mapping.pair(key)
        if pair is None:
            self._insert(mapping, key, value, after)
        elif mapping.flow:
            self._put(pair[1].start, pair[1].end, _pad(self._text, pair[1]) + _inline(value))
        else:
            self._replace(mapping, *pair, value)

    def remove(self, mapping: Node, key: str) -> None:
        """Takes a key out of a mapping that has others before it or after it."""
        pairs = mapping.pairs
        index = next(index for index, (name, _) in enumerate(pairs) if name.value == key)
        name, value = pairs[index]
        line = self._line_start(name.start)
        if not mapping.flow and not self._text[line : name.start].strip():
            end = self._line_end(value.end)
            self._put(line, min(end + len(self._newline), len(self._text)), "")
        elif index + 1 < len(pairs):
            self._put(name.start, pairs[index + 1][0].start, "")
        else:
            self._put(pairs[index - 1][1].end, value.end, "")

    def append(self, sequence: Node, value: Any) -> None:
        """One more item at the end of a list that has some."""
        last = sequence.items[-1]
        if sequence.flow:
            self._put(last.end, last.end, ", " + _inline(value))
            return
        lines = self._lines([value], sequence.column)
        place = self._behind_comments(self._line_end(last.end), sequence.column)
        self._put(place, place, self._newline + lines)

    def _insert(self, mapping: Node, key: str, value: Any, after: str) -> None:
        pair = mapping.pair(after) or mapping.pairs[-1]
        if mapping.flow:
            self._put(pair[1].end, pair[1].end, f", {key}: {_inline(value)}")
            return
        place = self._line_end(pair[1].end)
        self._put(place, place, self._newline + self._lines({key: value}, mapping.column))

    def _replace(self, mapping: Node, key: Node, old: Node, value: Any) -> None:
        first, *rest = self._dump({key.value: value}).split("\n")
        head = first.removeprefix(f"{key.value}:")
        colon = self._text.index(":", key.end) + 1
        if not rest and "\n" not in self._text[colon : old.start]:
            self._put(old.start, old.end, head.lstrip() if old.start > colon else head)
        elif not head and self._stands_alone(old):
            self._put(old.start, old.end, self._lines(value, old.column).lstrip(" "))
        else:
            self._put(colon, old.end, head)
            # Behind a comment of the old line, which so keeps its place.
            end = self._line_end(old.end)
            self._put(end, end, "".join(self._newline + _indented(line, mapping.column) for line in rest))

    def _stands_alone(self, node: Node) -> bool:
        """A block that begins on a line of its own."""
        before = self._text[self._line_start(node.start) : node.start]
        return node.kind in ("mapping", "sequence") and not node.flow and not before.strip()

    def _behind_comments(self, place: int, column: int) -> int:
        """Behind the comments that are indented as what stands before them is: they belong to it."""
        behind = place
        while start := self._text.find("\n", place) + 1:
            place = self._line_end(start)
            line = self._text[start:place]
            content = line.lstrip(" ")
            if content and not content.startswith("#"):
                break
            if len(line) - len(content) > column and content:
                behind = place
        return behind

    def _line_start(self, place: int) -> int:
        return self._text.rfind("\n", 0, place) + 1

    def _line_end(self, place: int) -> int:
        """Where the line break of the line at ``place`` stands, or the end of the text."""
        end = self._text.find("\n", place)
        if end < 0:
            return len(self._text)
        return end - 1 if self._text[end - 1 : end] == "\r" else end

    def _put(self, start: int, end: int, text: str) -> None:
        self._edits.append((start, end, text))

    def _lines(self, value: Any, column: int) -> str:
        return self._newline.join(_indented(line, column) for line in self._dump(value).split("\n"))

    def _dump(self, value: Any) -> str:
        return dump(value, offset=self._offset)


def dump(value: Any, *, offset: int = 0) -> str:
    """``value`` as YAML in block style, without a line break at its end; to be read by PyYAML."""
    dumper = _Indented if offset else _Dumper
    return _dump(value, dumper, default_flow_style=False).removesuffix("\n")


def _inline(value: Any) -> str:
    return _dump(value, _Plain, default_flow_style=True).removesuffix("\n").removesuffix("\n...")


def _indented(line: str, column: int) -> str:
    return " " * column + line if line else ""


def _pad(text: str, value: Node) -> str:
    """An empty value in a flow mapping begins right behind its colon."""
    return " " if text[value.start - 1 : value.start] == ":" else ""


def _dump(value: Any, dumper: type[yaml.SafeDumper], *, default_flow_style: bool) -> str:
    found: str = yaml.dump(
        value,
        Dumper=dumper,
        default_flow_style=default_flow_style,
        allow_unicode=_is_printable(value),
        sort_keys=False,
        width=float("inf"),
    )
    return found


def _is_printable(value: Any) -> bool:
    """What can't be seen, or turns the direction of a line, is escaped."""
    if isinstance(value, dict):
        return all(map(_is_printable, [*value.keys(), *value.values()]))
    if isinstance(value, list):
        return all(map(_is_printable, value))
    return not isinstance(value, str) or value.replace("\n", "").isprintable()


class _Plain(yaml.SafeDumper):
    """Without anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


class _Dumper(_Plain):
    """Text of several lines as such."""


class _Indented(_Dumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text.rstrip("\n") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
