"""The inputs of a run: what was given, the defaults laid under it, each checked by its JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from leadagent_prefect.diagnostics import did_you_mean, quote
from leadagent_prefect.errors import ConfigurationError
from leadagent_prefect.models import InputConfig, Workflow
from leadagent_prefect.source.data_reader import plain_copy


def check_inputs(workflow: Workflow, given: Mapping[str, Any], *, whole: bool = True) -> dict[str, Any]:
    """Every input by name, with defaults. `ConfigurationError` names each problem on a line of its own.

    Without ``whole`` those that are given alone: the others are given when a run is started.
    """
    problems = [_unknown(name, workflow.inputs) for name in given if name not in workflow.inputs]
    values: dict[str, Any] = {}
    for name, config in workflow.inputs.items():
        if name in given:
            values[name] = given[name]
            problems += _odd(name, given[name]) or _mismatches(name, config, given[name])
        elif not whole:
            continue
        elif config.required:
            problems.append(f'input "{name}" ({config.type}) is required: give it with -i {name}=VALUE')
        else:
            values[name] = config.default
    if problems:
        raise ConfigurationError("\n".join(problems))
    return values


def parse_assignments(pairs: Iterable[str], workflow: Workflow) -> dict[str, Any]:
    """``["topic=solar", "count=3"]`` as values: JSON where it parses, text for an input of type string."""
    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise ConfigurationError(f'"{pair}" is no input: write -i NAME=VALUE')
        config = workflow.inputs.get(name)
        values[name] = text if config is not None and config.type == "string" else _json_or_text(text)
    return values


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_not_json, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return text


def _not_json(constant: str) -> Any:
    raise ValueError(constant)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two equal keys readers keep different ones."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ConfigurationError(f"the key {quote(twice)} stands twice in the value of an input")
    return found


def _unknown(name: str, known: Mapping[str, InputConfig]) -> str:
    if not known:
        return f'input "{name}" is not known: this workflow has no inputs'
    return f'input "{name}" is not known: {did_you_mean(name, known, "inputs")}'


def _odd(name: str, value: Any) -> list[str]:
    """What no JSON can hold: parameters of a flow run are stored as JSON."""
    _, problems = plain_copy(value)
    return [f'input "{name}": {message}' for code, message, _ in problems if code != "number-too-large"]


def _mismatches(name: str, config: InputConfig, value: Any) -> list[str]:
    import jsonschema

    schema = {key: part for key, part in config.json_schema().items() if key != "default"}
    errors = jsonschema.Draft202012Validator(schema).iter_errors(value)
    return [f'input "{name}"{error.json_path[1:]}: {error.message[:300]}' for error in errors]
