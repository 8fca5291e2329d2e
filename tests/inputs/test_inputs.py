"""The inputs of a run: defaults, checks, and what the command line gives."""

from __future__ import annotations

from typing import Any

import pytest

from leadagent_prefect.errors import ConfigurationError
from leadagent_prefect.inputs import check_inputs, parse_assignments
from leadagent_prefect.models import Workflow


def workflow(**inputs: Any) -> Workflow:
    agents = [{"name": "api", "type": "http_api", "endpoint": "https://example.com"}]
    tasks = [{"name": "a", "agent_name": "api", "action": "GET"}]
    return Workflow.model_validate({"name": "w", "inputs": inputs, "agents": agents, "tasks": tasks})


def test_a_default_is_taken_where_nothing_is_given() -> None:
    file = workflow(topic={"type": "string", "default": "sun"}, n={"type": "integer"})
    assert check_inputs(file, {"n": 3}) == {"topic": "sun", "n": 3}


def test_a_default_of_null_is_a_default() -> None:
    assert check_inputs(workflow(topic={"type": "string", "default": None}), {}) == {"topic": None}


def test_every_problem_is_on_a_line_of_its_own() -> None:
    file = workflow(
        topic={"type": "string", "enum": ["sun", "moon"]},
        list={"type": "array", "items": {"type": "integer"}},
        needed={"type": "number"},
    )
    with pytest.raises(ConfigurationError) as caught:
        check_inputs(file, {"topic": "mars", "list": [1, "x"], "neded": 1})
    assert str(caught.value).splitlines() == [
        'input "neded" is not known: did you mean "needed"? inputs: "list", "topic"',
        "input \"topic\": 'mars' is not one of ['sun', 'moon']",
        "input \"list\"[1]: 'x' is not of type 'integer'",
        'input "needed" (number) is required: give it with -i needed=VALUE',
    ]


def test_a_workflow_without_inputs_says_so() -> None:
    with pytest.raises(ConfigurationError, match='input "x" is not known: this workflow has no inputs'):
        check_inputs(workflow(), {"x": 1})


def test_text_for_a_string_stays_text_and_all_else_is_json_where_it_parses() -> None:
    file = workflow(topic={"type": "string"}, n={"type": "integer"}, tags={"type": "array"})
    pairs = [
        "topic=2024",
        "n=3",
        'tags=["a", 1]',
        "other=plain text",
        "odd=NaN",
        "empty=",
        "url=http://x/?a=b",
        'map={"a": {"b": 1}}',
    ]
    assert parse_assignments(pairs, file) == {
        "topic": "2024",
        "n": 3,
        "tags": ["a", 1],
        "other": "plain text",
        "odd": "NaN",
        "empty": "",
        "url": "http://x/?a=b",
        "map": {"a": {"b": 1}},
    }


@pytest.mark.parametrize("pair", ["topic", "=x"])
def test_an_input_without_a_name_or_value_is_refused(pair: str) -> None:
    with pytest.raises(ConfigurationError, match="write -i NAME=VALUE"):
        parse_assignments([pair], workflow())


def test_a_key_twice_in_the_value_of_an_input_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r'^the key "b" stands twice in the value of an input$'):
        parse_assignments(['o={"a": 1, "b": 1, "b": 2}'], workflow(o={"type": "object"}))


def test_json_that_is_nested_too_deeply_is_text() -> None:
    text = "[" * 100_000

    assert parse_assignments([f"o={text}"], workflow(o={"type": "array"})) == {"o": text}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("inf"), "inf is not a finite number"),
        ({"a": float("nan")}, "nan is not a finite number"),
        (["\ud800"], "half of a surrogate pair in a string"),
        ({1: 2}, 'the key "1" is not a string'),
        ([object()], 'an object of class "object" is not plain data'),
    ],
    ids=["inf", "nan", "surrogate", "key", "object"],
)
def test_an_input_is_plain_data(value: object, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_inputs(workflow(n={"type": "number"}), {"n": value})

    assert str(caught.value) == f'input "n": {message}'


def test_a_whole_number_of_any_size_is_an_input() -> None:
    assert check_inputs(workflow(n={"type": "integer"}), {"n": 2**60}) == {"n": 2**60}
