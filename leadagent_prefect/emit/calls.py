"""Models of the language as constructor calls: what was written, and no more."""

from __future__ import annotations

import keyword
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import BaseModel

from leadagent_prefect.emit.code import Code, Group, Node, data, quoted


class Calls:
    """Writes models as calls; ``agents`` are the variables of agents by name, ``classes`` what was used."""

    def __init__(self, agents: Mapping[str, str]) -> None:
        self._agents = agents
        self.classes: set[str] = set()

    def model(
        self, model: BaseModel, more: Mapping[str, Node] | None = None, without: Collection[str] = ()
    ) -> Group:
        """``AgentConfig(name="news", ...)`` with the keys that were set, in the order of the class; ``more``
        are laid over them.
        """
        self.classes.add(type(model).__name__)
        written = {**{key: self._key(key, value) for key, value in _set_keys(model)}, **(more or {})}
        items = [
            (f"{key}=", node) for key, node in written.items() if key not in without and _may_be_keyword(key)
        ]
        rest = {key: node for key, node in written.items() if key not in without and not _may_be_keyword(key)}
        if rest:
            items.append(
                ("**", Group("{", tuple((f"{quoted(key)}: ", node) for key, node in rest.items()), "}"))
            )
        return Group(f"{type(model).__name__}(", tuple(items), ")")

    def _key(self, key: str, value: Any) -> Node:
        if key == "agent_name" and value in self._agents:
            return Code(f"{self._agents[value]}.name")
        return self.value(value)

    def value(self, value: Any) -> Node:
        """A model, or data that holds models."""
        if isinstance(value, BaseModel):
            return self.model(value)
        if isinstance(value, Mapping):
            return Group(
                "{", tuple((f"{quoted(key)}: ", self.value(item)) for key, item in value.items()), "}"
            )
        if isinstance(value, list):
            return Group("[", tuple(("", self.value(item)) for item in value), "]")
        return data(value)


def _set_keys(model: BaseModel) -> list[tuple[str, Any]]:
    known = [(key, getattr(model, key)) for key in type(model).model_fields if key in model.model_fields_set]
    return [*known, *(model.model_extra or {}).items()]


def _may_be_keyword(key: str) -> bool:
    return key.isascii() and key.isidentifier() and not keyword.iskeyword(key)
