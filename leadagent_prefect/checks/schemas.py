"""JSON Schema: of inputs, with their defaults, and of results."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from typing import Any

from leadagent_prefect.checks.context import Context
from leadagent_prefect.diagnostics import quote
from leadagent_prefect.models import InputConfig
from leadagent_prefect.source import Path

#: With these alone a value is checked without jsonschema, whose import takes longer than all else.
_SIMPLE = frozenset({"type", "enum"})
#: The keywords of draft 2020-12 that an input may have beside those of the language.
_KEYWORDS = (
    "$anchor", "$comment", "$defs", "$id", "$ref", "$schema", "additionalProperties", "allOf", "anyOf",
    "const", "contains", "contentEncoding", "contentMediaType", "contentSchema", "default",
    "dependentRequired", "dependentSchemas", "deprecated", "description", "else", "enum", "examples",
    "exclusiveMaximum", "exclusiveMinimum", "format", "if", "items", "maxContains", "maxItems", "maxLength",
    "maxProperties", "maximum", "minContains", "minItems", "minLength", "minProperties", "minimum",
    "multipleOf", "not", "oneOf", "pattern", "patternProperties", "prefixItems", "properties",
    "propertyNames", "readOnly", "required", "then", "title", "type", "unevaluatedItems",
    "unevaluatedProperties", "uniqueItems", "writeOnly",
    "$dynamicAnchor", "$dynamicRef", "$vocabulary", "definitions",
)  # fmt: skip
_SUGGESTED = [keyword for keyword in _KEYWORDS if not keyword.startswith("$")]
_PYTHON: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


def check_inputs(context: Context) -> None:
    """The keywords of every input are JSON Schema, and its default fits them."""
    for name, config in _inputs(context).items():
        path = ("inputs", name)
        schema = _schema(config)
        for key in schema:
            if key not in _KEYWORDS and not key.startswith("x-"):
                message = f"input {quote(name)} has {quote(key)}, which is no keyword of JSON Schema"
                hint = context.near(key, _SUGGESTED, "allowed")
                context.say("unknown-key", message, (*path, key), hint=hint, key=True)
        if not _SIMPLE.issuperset(schema) and not _check_schema(
            context, schema, path, f"input {quote(name)}"
        ):
            continue
        if not config.required and (reason := mismatch(config, config.default)) is not None:
            message = f"the default of input {quote(name)} does not fit: {reason}"
            context.say("invalid-default", message, (*path, "default"))


def _inputs(context: Context) -> Mapping[str, InputConfig]:
    return context.draft.settings.inputs if context.draft.settings else {}


def _schema(config: InputConfig) -> dict[str, Any]:
    return {
        key: value for key, value in config.json_schema().items() if key not in ("default", "description")
    }


def mismatch(config: InputConfig, value: Any) -> str | None:
    """Why a value does not fit an input; None where it does, or where its schema is none."""
    return fitting(config)(value)


def fitting(config: InputConfig) -> Callable[[Any], str | None]:
    """`mismatch` for many values of one input: a schema is read once."""
    schema = _schema(config)
    if _SIMPLE.issuperset(schema):
        return partial(_simple_mismatch, config)
    if _fault(schema) is not None:
        return lambda value: None
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    validator = Draft202012Validator(schema)

    def check(value: Any) -> str | None:
        error = best_match(validator.iter_errors(value))
        return None if error is None else error.message[:200]

    return check


def _simple_mismatch(config: InputConfig, value: Any) -> str | None:
    whole = isinstance(value, float) and value.is_integer() and config.type == "integer"
    truth = isinstance(value, bool) and config.type != "boolean"
    if (not isinstance(value, _PYTHON[config.type]) and not whole) or truth:
        return f"it is not of type {config.type}"
    if config.enum is not None and value not in config.enum:
        return "it is not one of the values under enum"
    return None


def check_output_schemas(context: Context) -> None:
    """Every ``output_schema`` is a JSON Schema."""
    for task in context.tasks:
        schema = task.data.get("output_schema")
        if isinstance(schema, dict):
            path = (*task.path, "output_schema")
            _check_schema(context, schema, path, f"{task.label}: output_schema")


def _check_schema(context: Context, schema: Mapping[str, Any], path: Path, label: str) -> bool:
    if (fault := _fault(schema)) is None:
        return True
    words, place, hint = fault
    context.say("invalid-schema", f"{label}{words}", (*path, *place), hint=hint)
    return False


#: What is wrong with a schema, where in it, and what to do.
_Fault = tuple[str, Path, str | None]


def _fault(schema: Mapping[str, Any]) -> _Fault | None:
    return _fault_of(json.dumps(schema))


@lru_cache(maxsize=256)
def _fault_of(text: str) -> _Fault | None:
    """Many tasks, or files, may have one schema, and looking at it takes milliseconds."""
    schema = json.loads(text)
    anchors = {f"#{name}" for _, name in _found(schema, "$anchor", "$dynamicAnchor")}
    for place, target in _found(schema, "$ref", "$dynamicRef"):
        if target not in anchors and not _resolves(schema, target):
            hint = "a reference points within its schema, such as #/$defs/item; nothing is fetched"
            return f": there is nothing at {quote(target)} in this schema", place, hint
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return f" is not a JSON Schema: {error.message[:200]}", tuple(error.absolute_path), None
    return None


def _found(schema: Any, *keywords: str) -> Iterator[tuple[Path, str]]:
    """The values of keywords anywhere in a schema, each with its path."""
    left: list[tuple[Path, Any]] = [((), schema)]
    while left:
        path, item = left.pop()
        if isinstance(item, dict):
            for key, value in item.items():
                if key in keywords and isinstance(value, str):
                    yield (*path, key), value
                elif key not in ("const", "enum", "default", "examples"):
                    left.append(((*path, key), value))
        elif isinstance(item, list):
            left += [((*path, index), value) for index, value in enumerate(item)]


def _resolves(schema: Any, target: str) -> bool:
    """Whether a JSON pointer (RFC 6901) leads somewhere in the schema; ``#`` is the schema itself."""
    if target == "#":
        return True
    root, *steps = target.split("/")
    if root != "#":
        return False
    for step in steps:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(schema, dict) and key in schema:
            schema = schema[key]
        elif isinstance(schema, list) and key.isdecimal() and int(key) < len(schema):
            schema = schema[int(key)]
        else:
            return False
    return True
