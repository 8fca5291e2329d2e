"""The JSON Schema of an input as the form of Prefect's UI can bear it.

What is left out here is still held: every run checks its inputs against the whole schema when it starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leadagent_prefect.models import InputConfig

#: What the default and the docstring of the flow say already.
_SAID_ELSEWHERE = frozenset({"default", "description"})
#: A flow whose schema holds one of these can't even be defined: pydantic looks for what they refer to.
_REFERENCES = frozenset({"$ref", "$dynamicRef", "$recursiveRef", "$defs", "definitions"})


def form_schema(config: InputConfig) -> dict[str, Any]:
    """The schema without references and without ``true`` or ``false`` for a schema, which break the page."""
    written = config.json_schema()
    kept = {key: value for key, value in written.items() if key not in _SAID_ELSEWHERE | _REFERENCES}
    return {key: _titled(key, value) for key, value in kept.items() if _bearable(key, value)}


def _bearable(key: str, value: Any) -> bool:
    if key == "items" and not isinstance(value, Mapping):
        return False
    if key == "properties" and not all(isinstance(part, Mapping) for part in value.values()):
        return False
    return not _refers(value)


def _refers(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(key in _REFERENCES or not _bearable(key, item) for key, item in value.items())
    return isinstance(value, list) and any(map(_refers, value))


def _titled(key: str, value: Any) -> Any:
    """The form labels a property by its type where it has no title of its own."""
    if key != "properties":
        return value
    return {name: {"title": name, **part} for name, part in value.items()}
