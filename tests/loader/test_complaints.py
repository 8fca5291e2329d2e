"""What is said of one wrong key, in words that name the remedy. tests/cases shows the rest in place."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from leadagent_prefect.loader import examine, read
from leadagent_prefect.loader.complaints import complaints
from leadagent_prefect.loader.keys import UNSUPPORTED, example, home_of, keys_of, suggested
from leadagent_prefect.models import AgentConfig, CompensateConfig, TaskConfig, Workflow, WorkflowSettings
from leadagent_prefect.source import read_data

BASE: dict[str, Any] = {
    "name": "n",
    "agents": [{"name": "a", "type": "http_api", "endpoint": "https://x.example"}],
    "tasks": [{"name": "t", "agent_name": "a", "action": "GET"}],
}


def said(settings: dict[str, Any] | None = None, **task: Any) -> list[tuple[str, str | None]]:
    data = {**BASE, **(settings or {}), "tasks": [{**BASE["tasks"][0], **task}]}
    found = examine(read(data))[1]
    return [(d.message.split(": ", 1)[1] if task else d.message, d.hint) for d in found]


CLASSES = (
    'allowed: "any", "circuit_open", "client_error", "connection", "invalid_output", "rate_limit", '
    '"server_error", "timeout", "tool_error"'
)
TASK_KEYS = (
    'allowed: "accept_status", "action", "agent_name", "as", "cache", "compensate", '
    '"continue_on_failure", "depends_on", "description", "fail", "finish", "for_each" and 16 more'
)


@pytest.mark.parametrize(
    ("task", "message", "hint"),
    [
        ({"depends_on": None}, "depends_on is empty, expected a list", "write a value, or delete the key"),
        ({"depends_on": "a b"}, 'depends_on is the string "a b", expected a list', None),
        (
            {"depends_on": ["t", 5]},
            "depends_on[1] is the number 5, expected a string",
            'put it in quotes: "5"',
        ),
        ({"action": True}, "action is true, expected a string", 'put it in quotes: "True"'),
        ({"action": []}, "action is a list, expected a string", None),
        (
            {"continue_on_failure": "off"},
            'continue_on_failure is the string "off", expected true or false',
            "write false, without quotes",
        ),
        (
            {"continue_on_failure": "maybe"},
            'continue_on_failure is the string "maybe", expected true or false',
            None,
        ),
        ({"continue_on_failure": 1}, "continue_on_failure is the number 1, expected true or false", None),
        (
            {"retry_config": {"max_attempts": 2.5}},
            "retry_config.max_attempts is the number 2.5, expected a whole number",
            None,
        ),
        (
            {"retry_config": {"exponential_base": False}},
            "retry_config.exponential_base is false, expected a number",
            None,
        ),
        (
            {"retry_config": {"retry_on": [5]}},
            "retry_config.retry_on[0] is the number 5, expected a string",
            CLASSES,
        ),
    ],
)
def test_a_wrong_value_in_a_task(task: dict[str, Any], message: str, hint: str | None) -> None:
    assert said(**task) == [(f'task "t": {message}', hint)]


def test_an_unknown_key_gets_the_nearest_and_all_that_are_allowed() -> None:
    assert said(nme=1) == [('unknown key "nme" in task "t"', f'did you mean "name"? {TASK_KEYS}')]


@pytest.mark.parametrize(
    ("auth", "messages"),
    [
        ({"type": "bearer"}, ['required key "token" is missing in authentication of agent "a"']),
        (
            {"type": "basic", "username": "u"},
            ['required key "password" is missing in authentication of agent "a"'],
        ),
        ({}, ['required key "type" is missing in authentication of agent "a"']),
        ({"type": 5}, ['agent "a": authentication.type is the number 5, expected a string']),
        (
            {"type": "bearer", "token": "x", "bearer": {}},
            ['unknown key "bearer" in authentication of agent "a"'],
        ),
        ({"type": "api_key", "key": 5}, ['agent "a": authentication.key is the number 5, expected a string']),
        ("token", ['agent "a": authentication is the string "token", expected a mapping']),
    ],
)
def test_a_wrong_authentication(auth: Any, messages: list[str]) -> None:
    found = examine(read({**BASE, "agents": [{**BASE["agents"][0], "authentication": auth}]}))[1]

    assert [d.message.split(": ", 1)[1] for d in found if d.severity == "error"] == messages


def test_an_input_named_like_a_key_of_the_language_is_an_input() -> None:
    assert said({"inputs": {"authentication": {"type": 5}}})[0][0] == (
        "inputs.authentication.type: inputs.authentication.type is the number 5, expected a string"
    )


def test_a_schedule_may_be_one_or_a_list() -> None:
    assert said({"schedule": {"corn": "x"}})[0][0] == 'schedule.corn: unknown key "corn" in schedule'
    assert said({"schedule": [{"active": 1}]})[0][0].startswith(
        "schedule[0].active: schedule[0].active is the number 1"
    )


def test_a_form_that_does_not_match_says_what_does() -> None:
    with pytest.raises(ValidationError) as caught:
        AgentConfig.model_validate({"name": "a", "type": "x", "rate_limit": "60 per minute"})
    ((diagnostic, path),) = complaints(
        caught.value, AgentConfig, {"name": "a", "rate_limit": "60 per minute"}, (), read_data({})
    )

    assert path == ("rate_limit",)
    assert (
        diagnostic.message
        == 'rate_limit: agent "a": rate_limit is the string "60 per minute", which is not allowed'
    )
    assert diagnostic.hint == 'expected something such as "60/m"'


def test_an_error_of_pydantic_that_nobody_foresaw_is_still_told() -> None:
    class Odd(BaseModel):
        at: bytes

    with pytest.raises(ValidationError) as caught:
        Odd.model_validate({"at": 5})
    ((diagnostic, _),) = complaints(caught.value, Odd, {"at": 5}, (), read_data({}))

    assert (diagnostic.code, diagnostic.message) == (
        "invalid-value",
        "at: at is the number 5, which is not allowed",
    )


def test_an_unforeseen_error_of_a_whole_part_is_told_of_the_part() -> None:
    class Odd(BaseModel):
        at: bytes

    with pytest.raises(ValidationError) as caught:
        Odd.model_validate_json("{")
    ((diagnostic, path),) = complaints(caught.value, Odd, {}, ("tasks", 1), read_data({}))

    assert (diagnostic.message, path) == (
        "tasks[1]: tasks[1] is a mapping, which is not allowed",
        ("tasks", 1),
    )


def test_every_key_not_supported_yet_is_a_key_of_its_model() -> None:
    for model, keys in UNSUPPORTED.items():
        assert keys <= set(keys_of(model))
        assert not keys & set(suggested(model))


def test_keys_of_settings_are_those_of_the_whole_file() -> None:
    assert {"tasks", "agents", "finally", "name"} <= set(keys_of(WorkflowSettings))
    assert "finally" in suggested(WorkflowSettings)
    assert keys_of(Workflow) == keys_of(WorkflowSettings)


def test_a_key_that_belongs_elsewhere_is_sent_there() -> None:
    assert home_of(CompensateConfig, "json") == "put it under parameters"
    assert home_of(TaskConfig, "circuit_breaker") == "belongs to an agent"
    assert home_of(TaskConfig, "colour") is None


def test_a_key_without_an_example_of_its_own_gets_a_plain_one() -> None:
    assert example(TaskConfig, "action") == "action: ..."
