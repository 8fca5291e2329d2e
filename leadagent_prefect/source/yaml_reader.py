"""YAML events -> nodes. Events, not PyYAML's own trees: limits hold before anything is built, places survive.

Only the scanner and parser are PyYAML's (libyaml's where it is there). Which scalars are numbers, which tags
are read, and what merging means is decided here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner

from leadagent_prefect.diagnostics import did_you_mean, quote
from leadagent_prefect.source.core_schema import BadScalar, Scalar, kind_of, resolve
from leadagent_prefect.source.nodes import Node, Notes, Place
from leadagent_prefect.source.yaml_errors import syntax_problem

# Line breaks of YAML 1.1 that no editor shows as such are refused as well: a key could hide behind one.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_TAG = "tag:yaml.org,2002:"
_SCALAR_TAGS = frozenset({"str", "int", "float", "bool", "null"})


class PureParser(Reader, Scanner, Parser):  # type: ignore[misc]  # untyped bases
    """The parser where libyaml is not there; about ten times slower."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)


def _default_parser() -> Any:
    if not yaml.__with_libyaml__:
        return PureParser
    from yaml.cyaml import CParser

    return CParser


def read_yaml(text: str, notes: Notes, parser: Any = None) -> Node:
    """The tree of a YAML text; raises `Stop` where it can't be read further."""
    if bad := _FORBIDDEN.search(text):
        at = bad.start()
        hint = f'write it as an escape in double quotes, such as "\\u{ord(bad.group()):04x}", or delete it'
        raise notes.stop("control-character", f"character U+{ord(bad.group()):04X} in the text", at, at + 1, hint)
    builder = _Builder(text, notes)
    for event in _events(text, notes, parser or _default_parser()):
        builder.take(event)
    return builder.document()


def _events(text: str, notes: Notes, parser: Any) -> Iterator[Any]:
    try:
        source = parser(text)
        while source.check_event():
            yield source.get_event()
    except yaml.YAMLError as error:
        problem = syntax_problem(error, text)
        raise notes.stop(*problem) from None


@dataclass(slots=True)
class _Frame:
    """A list or mapping that is being read. ``key`` is the one whose value comes next."""

    node: Node
    anchor: str | None
    flow: bool
    key: str | None = None
    key_place: Place = (0, 0)
    merged: list[Node] = field(default_factory=list)
    merge_place: Place | None = None
    template: bool = False

    @property
    def wants_key(self) -> bool:
        return self.node.keys is not None and self.key is None


class _Builder:
    def __init__(self, text: str, notes: Notes) -> None:
        self.text = text
        self.notes = notes
        self.frames: list[_Frame] = []
        self.anchors: dict[str, Node | None] = {}
        self.root: Node | None = None
        self.nodes = 0
        self.actions = {
            yaml.ScalarEvent: self.scalar,
            yaml.AliasEvent: self.alias,
            yaml.SequenceStartEvent: self.open,
            yaml.MappingStartEvent: self.open,
            yaml.SequenceEndEvent: self.close,
            yaml.MappingEndEvent: self.close,
            yaml.DocumentStartEvent: self.begin,
        }

    def take(self, event: Any) -> None:
        action = self.actions.get(type(event))
        if action is not None:
            action(event)

    def document(self) -> Node:
        if self.root is None or (self.root.value is None and self.root.start == self.root.end):
            hint = "a workflow begins with its name, such as: name: my_workflow"
            raise self.notes.stop("empty-document", "the file is empty", 0, 0, hint)
        return self.root

    def begin(self, event: Any) -> None:
        if self.root is not None:
            hint = "put it in a file of its own, or delete the line"
            raise self.notes.stop(
                "multiple-documents", "a second document begins here; a file holds one workflow", *_place(event), hint
            )

    # --- scalars ---

    def scalar(self, event: Any) -> None:
        start, end = _place(event)
        if event.style in ("|", ">"):
            end = start + len(self.text[start:end].rstrip())
        if self.is_merge(event):
            self.merge_key((start, end))
            return
        plain = event.implicit[0] and event.tag is None
        value: Scalar = self.plain(event.value, start, end) if plain else event.value
        if event.tag is not None:
            value = self.tagged(event)
        elif not plain and (surrogate := _SURROGATE.search(event.value)):
            # libyaml refuses the escape itself; the pure parser lets it through.
            self.notes.add("control-character", "half of a surrogate pair in a string", start, end)
            value = event.value.replace(surrogate.group(), "\ufffd")
        node = Node(value, start, end, event.style or "")
        self.nodes += 1
        self.notes.count(self.nodes, start, end)
        self.remember(event.anchor, node)
        self.add(node, start, end)

    def plain(self, text: str, start: int, end: int) -> Scalar:
        value = resolve(text)
        if isinstance(value, BadScalar):
            self.notes.add(value.code, value.message, start, end, value.hint)
            return 0
        return value

    def tagged(self, event: Any) -> Scalar:
        start, end = _place(event)
        name = event.tag.removeprefix(_TAG)
        if event.tag == "!" or name not in _SCALAR_TAGS or name == event.tag:
            self.bad_tag(event)
            return str(event.value)
        value: Scalar = event.value if name == "str" else self.plain(event.value, start, end)
        if name == "float" and kind_of(value) == "int":
            return float(value or 0)
        if kind_of(value) != name:
            self.notes.add("unsupported-tag", f"{quote(event.value)} is no !!{name}", start, end, "delete the tag")
        return value

    def bad_tag(self, event: Any) -> None:
        shown = event.tag.replace(_TAG, "!!") if event.tag.startswith(_TAG) else event.tag
        hint = "delete the tag: values are read as what they look like, and quotes make a string"
        self.notes.add("unsupported-tag", f"tag {quote(shown)} is not allowed", *_place(event), hint)

    # --- lists and mappings ---

    def open(self, event: Any) -> None:
        start, end = _place(event)
        self.nodes += 1
        self.notes.count(self.nodes, start, end)
        self.notes.deepen(len(self.frames) + 1, start, end)
        mapping = isinstance(event, yaml.MappingStartEvent)
        if event.tag not in (None, _TAG + ("map" if mapping else "seq")):
            self.bad_tag(event)
        node = Node({}, start, end, keys={}, children={}) if mapping else Node([], start, end, children=[])
        self.remember(event.anchor, None)
        self.frames.append(_Frame(node, event.anchor, bool(event.flow_style)))

    def close(self, event: Any) -> None:
        frame = self.frames.pop()
        node = frame.node
        children = node.children or ()
        if frame.flow:
            node.end = event.end_mark.index
        else:
            node.end = max([node.start, *self.ends(node)])
        if frame.merged:
            self.merge(frame)
        if frame.template:
            node = self.template(node)
        elif isinstance(children, dict):
            node.value = {key: child.value for key, child in children.items()}
        self.remember(frame.anchor, node)
        self.add(node, node.start, node.end)

    @staticmethod
    def ends(node: Node) -> Iterator[int]:
        """Where the last key and the last value end: a block ends there, not where the next token begins."""
        if isinstance(node.children, list):
            yield from (child.end for child in node.children[-1:])
        elif node.children and node.keys:
            last = next(reversed(node.children))
            yield from (node.children[last].end, node.keys[last][1])

    def add(self, node: Node, start: int, end: int) -> None:
        """Hand a node that is complete to what it stands in."""
        if not self.frames:
            self.root = node
            return
        frame = self.frames[-1]
        parent = frame.node
        if frame.wants_key:
            parent.size += 1
            frame.key, frame.key_place = self.key_text(node, frame), (start, end)
            return
        if frame.merge_place is not None and frame.key == "<<":
            self.merge_value(frame, node, start, end)
            return
        parent.size += node.size
        parent.height = max(parent.height, node.height + 1)
        if isinstance(parent.children, list):
            parent.children.append(node)
            parent.value.append(node.value)
        elif isinstance(parent.children, dict) and parent.keys is not None and frame.key is not None:
            if frame.key in parent.keys:
                self.duplicate(frame.key, parent.keys[frame.key], frame.key_place)
            else:
                parent.keys[frame.key] = frame.key_place
                parent.children[frame.key] = node
            frame.key = None

    def key_text(self, node: Node, frame: _Frame) -> str:
        if isinstance(node.value, str):
            return node.value
        text = self.text[node.start : node.end]
        if frame.flow and node.keys is not None and self.text[node.start - 1 : node.start + 1] == "{{":
            frame.template = True
        elif node.children is not None:
            hint = "a key is a string"
            self.notes.add("non-string-key", "a list or mapping stands as a key", node.start, node.end, hint)
        else:
            hint = f"put it in quotes: {quote(text)}" if text else "write a key before the colon"
            found = f"the key {text} is" if text else "an empty key is"
            self.notes.add("non-string-key", f"{found} not a string", node.start, node.end, hint)
        return text

    def duplicate(self, key: str, first: Place, second: Place) -> None:
        line = len(re.findall(r"\r\n|\n|\r", self.text[: first[0]])) + 1
        self.notes.add(
            "duplicate-key", f"key {quote(key)} stands here again; the first is in line {line}", *second, "keep one"
        )

    def template(self, node: Node) -> Node:
        """``{{ x }}`` without quotes is a mapping in a mapping: say so, and go on with what was meant."""
        text = self.text[node.start : node.end]
        hint = f"put the whole value in quotes: {quote(text)}"
        self.notes.add("unquoted-template", "a template must stand in quotes", node.start, node.end, hint)
        return Node(text, node.start, node.end)

    # --- anchors and merging ---

    def remember(self, anchor: str | None, node: Node | None) -> None:
        if anchor is not None:
            self.anchors[anchor] = node

    def alias(self, event: Any) -> None:
        start, end = _place(event)
        name = event.anchor
        if name not in self.anchors:
            hint = did_you_mean(name, self.anchors, "anchors before it")
            raise self.notes.stop("unknown-alias", f"alias {quote('*' + name)} has no anchor before it", start, end, hint)
        node = self.anchors[name]
        if node is None:
            raise self.notes.stop("self-reference", f"alias {quote('*' + name)} stands in what it names", start, end)
        self.nodes += node.size
        self.notes.count(self.nodes, start, end)
        self.notes.deepen(len(self.frames) + node.height, start, end)
        self.add(node, start, end)

    def is_merge(self, event: Any) -> bool:
        return bool(
            event.value == "<<" and event.implicit[0] and event.tag is None and self.frames and self.frames[-1].wants_key
        )

    def merge_key(self, place: Place) -> None:
        frame = self.frames[-1]
        if frame.merge_place is not None:
            self.duplicate("<<", frame.merge_place, place)
        frame.key, frame.key_place, frame.merge_place = "<<", place, place

    def merge_value(self, frame: _Frame, node: Node, start: int, end: int) -> None:
        sources = node.children if isinstance(node.children, list) else [node]
        frame.key = None
        for source in sources:
            if source.keys is None:
                hint = "write an alias of a mapping, or a list of such aliases"
                self.notes.add("wrong-type", "only a mapping can be merged with <<", start, end, hint)
                return
        frame.merged.extend(sources)

    def merge(self, frame: _Frame) -> None:
        """YAML 1.1: a mapping's own keys win, then those of the earlier source."""
        node = frame.node
        if not isinstance(node.children, dict) or node.keys is None:
            return  # pragma: no cover - only mappings have a merge key
        for source in frame.merged:
            node.size += source.size
            node.height = max(node.height, source.height)
            for key, child in (source.children or {}).items() if isinstance(source.children, dict) else ():
                if key not in node.children and source.keys is not None:
                    node.keys[key], node.children[key] = source.keys[key], child


def _place(event: Any) -> Place:
    return event.start_mark.index, event.end_mark.index
