"""The inputs of a workflow as the parameters of its flow: the Prefect UI makes its form of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from leadagent_prefect.emit.code import Code, Group, Node, data
from leadagent_prefect.emit.form import form_schema
from leadagent_prefect.emit.layout import WIDTH, flat, width
from leadagent_prefect.models import InputConfig

_TYPES = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "array": "list[Any]",
    "object": "dict[str, Any]",
}
_VALUES = {"string": str, "integer": int, "boolean": bool}
#: A longer type gets a name of its own.
_LONGEST_IN_PLACE = 40


@dataclass
class Signature:
    """``parameters`` is ``(*, topic: str = "solar")``, by keyword alone, so that their order means nothing.

    ``aliases`` are types too long to stand there, by name; ``typing`` and ``pydantic`` name their imports.
    """

    parameters: Group
    aliases: dict[str, Node] = field(default_factory=dict)
    typing: set[str] = field(default_factory=set)
    pydantic: set[str] = field(default_factory=set)


def signature(inputs: Mapping[str, InputConfig]) -> Signature:
    """The signature of a flow with these inputs."""
    found = Signature(Group("(", (), ")"))
    items: list[tuple[str, Node]] = [("", Code("*"))] if inputs else []
    for name, config in inputs.items():
        before = f"{name}: {_annotation(name, config, found)}"
        items.append(("", Code(before)) if config.required else (f"{before} = ", data(config.default)))
    found.parameters = Group("(", tuple(items), ")")
    return found


def _annotation(name: str, config: InputConfig, found: Signature) -> str:
    node = _type(config)
    text = flat(node)
    found.typing |= {word for word in ("Annotated", "Literal", "Any") if word in text.split("(")[0]}
    # The formatter would break the brackets of a type where its line is too long.
    line = f"    {name}: {text}{'' if config.required else f' = {flat(data(config.default))}'},"
    breaks = "[" in text and (len(text) > _LONGEST_IN_PLACE or width(line) > WIDTH)
    if "Annotated[" not in text and not breaks:
        return text
    found.pydantic |= {"WithJsonSchema"} if "WithJsonSchema(" in text else set()
    alias = "".join(word[:1].upper() + word[1:] for word in name.split("_")) + "Input"
    while alias in found.aliases:
        alias += "_"
    found.aliases[alias] = node
    return alias


def _type(config: InputConfig) -> Node:
    """The Python type; JSON Schema that no type can say stands beside it, for Prefect's form and API."""
    schema = form_schema(config)
    if schema.keys() == {"type", "enum"} and all(type(v) is _VALUES.get(config.type) for v in schema["enum"]):
        return Group("Literal[", tuple(("", data(value)) for value in schema["enum"]), "]")
    plain = Code(_TYPES[config.type])
    if config.type == "array":
        inner = schema.get("items", {})
        if inner.keys() == {"type"} and inner["type"] in _TYPES and schema.keys() == {"type", "items"}:
            return Code(f"list[{_TYPES[inner['type']]}]")
    elif schema.keys() == {"type"}:
        return plain
    # A bare array too: of "list[Any]" Prefect's form loses the items of a default.
    more = Group("WithJsonSchema(", (("", data(schema)),), ")")
    return Group("Annotated[", (("", plain), ("", more)), "]")
