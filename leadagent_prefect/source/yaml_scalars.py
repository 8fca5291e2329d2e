"""The values of YAML scalars, and the tags that may stand before a value."""

from __future__ import annotations

import re
from typing import Any

from leadagent_prefect.diagnostics import quote
from leadagent_prefect.source.core_schema import BadScalar, Scalar, kind_of, resolve
from leadagent_prefect.source.nodes import Node, Notes, Place

TAG = "tag:yaml.org,2002:"

_SURROGATE = re.compile("[\ud800-\udfff]")
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)+")
_TAGS = frozenset(TAG + kind for kind in ("str", "int", "float", "bool", "null"))


def place_of(event: Any) -> Place:
    """Where an event stands, its tag and anchor included."""
    return event.start_mark.index, event.end_mark.index


def bad_tag(event: Any, notes: Notes) -> None:
    """Note a tag that is not read."""
    shown = event.tag.replace(TAG, "!!") if event.tag.startswith(TAG) else event.tag
    hint = "delete the tag: values are read as what they look like, and quotes make a string"
    notes.add("unsupported-tag", f"tag {quote(shown)} is not allowed", *place_of(event), hint)


class Scalars:
    """Scalar events -> nodes."""

    def __init__(self, text: str, notes: Notes) -> None:
        self.text = text
        self.notes = notes

    def place(self, event: Any) -> Place:
        """Where a value stands, without its tag and anchor."""
        start, end = place_of(event)
        if (event.tag or event.anchor) and (properties := _PROPERTIES.match(self.text, start, end)):
            start = properties.end()
        return start, end

    def node(self, event: Any) -> Node:
        if event.implicit[0] and event.tag is None and event.anchor is None:  # nine of ten
            start, end = event.start_mark.index, event.end_mark.index
            return Node(self._resolved(event.value, start, end), start, end)
        return self._styled(event)

    def _styled(self, event: Any) -> Node:
        start, end = self.place(event)
        if event.style in ("|", ">"):
            # libyaml lets a block scalar end where the next token begins.
            end = start + len(self.text[start:end].rstrip())
        value = self._value(event, start, end)
        if isinstance(value, str) and _SURROGATE.search(value):
            # libyaml refuses such an escape itself; the pure parser lets it through.
            self.notes.add("control-character", "half of a surrogate pair in a string", start, end)
            value = _SURROGATE.sub("\ufffd", value)
        return Node(value, start, end, event.style or "")

    def _value(self, event: Any, start: int, end: int) -> Scalar:
        if event.tag is not None:
            return self._tagged(event, start, end)
        return self._resolved(event.value, start, end) if event.implicit[0] else str(event.value)

    def _resolved(self, text: str, start: int, end: int) -> Scalar:
        value = resolve(text)
        if isinstance(value, BadScalar):
            self.notes.add(value.code, value.message, start, end, value.hint)
            return 0
        return value

    def _tagged(self, event: Any, start: int, end: int) -> Scalar:
        text = str(event.value)
        if event.tag not in _TAGS:
            bad_tag(event, self.notes)
            return text
        name = event.tag.removeprefix(TAG)
        value = text if name == "str" else self._resolved(text, start, end)
        if name == "float" and isinstance(value, int) and kind_of(value) == "int":
            return float(value)
        if kind_of(value) != name:
            message = f"{quote(text)} is no !!{name}"
            self.notes.add("unsupported-tag", message, *place_of(event), "delete the tag")
        return value
