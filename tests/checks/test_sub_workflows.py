"""What a task gives a sub-workflow is held to the inputs that it declares, as far as those are whole."""

from __future__ import annotations

from typing import Any

import pytest

from leadagent_prefect.loader import examine, read


def found(inputs: Any, given: Any) -> list[tuple[str, str]]:
    """Code and file of everything that is wrong with a workflow that gives another its inputs."""
    part = {"name": "part", "inputs": inputs, "tasks": [{"name": "t", "value": 1}]}
    whole = {"name": "w", "tasks": [{"name": "part", "workflow": "part.yaml", "inputs": given}]}
    _, diagnostics = examine(read(whole), {"part.yaml": part})
    return [(diagnostic.code, diagnostic.filename) for diagnostic in diagnostics]


@pytest.mark.parametrize(
    ("inputs", "given", "problems"),
    [
        ({"a": {"type": "integer"}}, {"a": 1}, []),
        ({"a": {"type": "integer"}}, {"a": "{{ inputs }}", "b": 1}, [("unknown-input", "<dict>")]),
        ({"a": {"type": "array", "items": {"type": "string"}}}, {"a": [1]}, [("invalid-default", "<dict>")]),
        ({"a": {"type": "array", "items": {"type": "string"}}}, {"a": ["{{ run.id }}", 1]}, []),
        ({"a": {"type": "text"}}, {"a": 1}, [("invalid-value", "part.yaml")]),
        ({"a": {"type": "text"}}, {}, [("invalid-value", "part.yaml")]),
        ([1], {"a": 1}, [("wrong-type", "part.yaml")]),
        ({"a": {"type": "string", "pattern": "["}}, {"a": "x"}, [("invalid-schema", "part.yaml")]),
    ],
)
def test_only_what_is_known_of_inputs_is_held_against_a_value(
    inputs: Any, given: dict[str, Any], problems: list[tuple[str, str]]
) -> None:
    assert found(inputs, given) == problems


def test_inputs_that_are_no_mapping_are_told_once() -> None:
    assert found({"a": {"type": "string"}}, [1]) == [("wrong-type", "<dict>")]
