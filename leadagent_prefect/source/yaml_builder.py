"""YAML events -> the tree of nodes, within the limits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import yaml

from leadagent_prefect.diagnostics import did_you_mean, quote
from leadagent_prefect.source.nodes import Node, Notes, Place, Stop
from leadagent_prefect.source.yaml_scalars import TAG, Scalars, bad_tag, place_of

_TAB = re.compile(r"^ *(\t)[ \t]*(?=[^ \t\r\n#])", re.MULTILINE)


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
    merging: bool = False
    template: bool = False

    @property
    def wants_key(self) -> bool:
        return self.node.keys is not None and self.key is None


class Builder:
    def __init__(self, text: str, notes: Notes) -> None:
        self.text = text
        self.notes = notes
        self.scalars = Scalars(text, notes)
        self.frames: list[_Frame] = []
        self.anchors: dict[str, Node | None] = {}
        self.root: Node | None = None
        self.nodes = 0
        #: A second document has begun: the first is all that is read.
        self.ended = False
        # In [ ] and { } libyaml lets tabs pass, the pure parser does not.
        self.after_tab = {match.end(): match.start(1) for match in _TAB.finditer(text)}
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
        if self.after_tab and (tab := self.after_tab.pop(event.start_mark.index, None)) is not None:
            self.notes.add("tab-indent", "a tab in the indentation", tab, tab + 1, "indent with spaces")
        action = self.actions.get(type(event))
        if action is not None:
            action(event)

    def document(self) -> Node:
        if self.root is None or (self.root.value is None and self.root.start == self.root.end):
            if self.ended:
                raise Stop
            hint = "a workflow begins with its name, such as: name: my_workflow"
            raise self.notes.stop("empty-document", "the file is empty", 0, 0, hint)
        return self.root

    def begin(self, event: Any) -> None:
        if self.root is not None:
            message = "a second document begins here; a file holds one workflow"
            hint = "put it in a file of its own, or delete the line"
            self.notes.add("multiple-documents", message, *place_of(event), hint)
            self.ended = True

    def scalar(self, event: Any) -> None:
        if self.is_merge(event):
            self.merge_key(place_of(event))
            return
        node = self.scalars.node(event)
        self.nodes += 1
        self.notes.count(self.nodes, node.start, node.end)
        self.remember(event.anchor, node)
        self.add(node, node.start, node.end)

    # --- lists and mappings ---

    def open(self, event: Any) -> None:
        start, end = place_of(event)
        self.nodes += 1
        self.notes.count(self.nodes, start, end)
        self.notes.deepen(len(self.frames) + 1, start, end)
        mapping = isinstance(event, yaml.MappingStartEvent)
        if event.tag not in (None, TAG + ("map" if mapping else "seq")):
            bad_tag(event, self.notes)
        start, _ = self.scalars.place(event)
        node = Node({}, start, end, keys={}, children={}) if mapping else Node([], start, end, children=[])
        self.remember(event.anchor, None)
        self.frames.append(_Frame(node, event.anchor, bool(event.flow_style)))

    def close(self, event: Any) -> None:
        frame = self.frames.pop()
        node = frame.node
        if frame.flow:
            node.end = event.end_mark.index
        else:
            node.end = max([node.start, *self.ends(node)])
        if frame.merged:
            self.merge(frame)
        if frame.template:
            node = self.template(node)
        elif isinstance(node.children, dict):
            node.value = {key: child.value for key, child in node.children.items()}
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
        if frame.merging:
            self.merge_value(frame, node, start, end)
            return
        parent.size += node.size
        parent.height = max(parent.height, node.height + 1)
        if isinstance(parent.children, list):
            parent.children.append(node)
            parent.value.append(node.value)
            return
        keys, children = _entries(parent)
        key, frame.key = str(frame.key), None
        if key in keys:
            self.notes.duplicate(key, keys[key], frame.key_place)
        else:
            keys[key], children[key] = frame.key_place, node

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

    def template(self, node: Node) -> Node:
        """``{{ x }}`` without quotes is a mapping in a mapping: say so, and go on with what was meant."""
        text = self.text[node.start : node.end]
        hint = "put the whole value in quotes" + (f": {quote(text)}" if len(text) < 60 else "")
        self.notes.add("unquoted-template", "a template must stand in quotes", node.start, node.end, hint)
        return Node(text, node.start, node.end)

    # --- anchors and merging ---

    def remember(self, anchor: str | None, node: Node | None) -> None:
        if anchor is not None:
            self.anchors[anchor] = node

    def alias(self, event: Any) -> None:
        start, end = place_of(event)
        name = event.anchor
        if name not in self.anchors:
            hint = did_you_mean(name, self.anchors, "anchors before it")
            message = f"alias {quote('*' + name)} has no anchor before it"
            self.notes.add("unknown-alias", message, start, end, hint)
        elif self.anchors[name] is None:
            message = f"alias {quote('*' + name)} stands in what it names"
            self.notes.add("self-reference", message, start, end)
        node = self.anchors.get(name) or self.stand_in(start, end)
        self.nodes += node.size
        self.notes.count(self.nodes, start, end)
        self.notes.deepen(len(self.frames) + node.height, start, end)
        self.add(node, start, end)

    def stand_in(self, start: int, end: int) -> Node:
        """For an alias of nothing: the rest of the file is checked all the same."""
        if self.frames and self.frames[-1].merging:
            return Node({}, start, end, keys={}, children={})
        return Node(None, start, end)

    def is_merge(self, event: Any) -> bool:
        return bool(
            event.value == "<<"
            and event.implicit[0]
            and event.tag is None
            and self.frames
            and self.frames[-1].wants_key
        )

    def merge_key(self, place: Place) -> None:
        frame = self.frames[-1]
        if frame.merge_place is not None:
            self.notes.duplicate("<<", frame.merge_place, place)
        frame.key, frame.merge_place, frame.merging = "<<", place, True

    def merge_value(self, frame: _Frame, node: Node, start: int, end: int) -> None:
        sources = node.children if isinstance(node.children, list) else [node]
        frame.key, frame.merging = None, False
        for source in sources:
            if source.keys is None:
                hint = "write an alias of a mapping, or a list of such aliases"
                self.notes.add("wrong-type", "only a mapping can be merged with <<", start, end, hint)
                return
        frame.merged.extend(sources)

    def merge(self, frame: _Frame) -> None:
        """YAML 1.1: a mapping's own keys win, then those of the earlier source."""
        keys, children = _entries(frame.node)
        for source in frame.merged:
            frame.node.size += source.size
            frame.node.height = max(frame.node.height, source.height)
            places, values = _entries(source)
            for key, child in values.items():
                if key not in children:
                    keys[key], children[key] = places[key], child


def _entries(node: Node) -> tuple[dict[str, Place], dict[str, Node]]:
    """The keys and values of a node that is a mapping."""
    return cast("dict[str, Place]", node.keys), cast("dict[str, Node]", node.children)
