"""A workflow as a deployment of prefect.yaml, and what can't be one."""

from __future__ import annotations

from typing import Any

import pytest

from leadagent_prefect.emit.deployment import Deployment
from leadagent_prefect.errors import ConfigurationError
from leadagent_prefect.models import Workflow


def deployment(**keys: Any) -> Deployment:
    workflow = {"name": "a/b", "tasks": [{"name": "t", "value": 1}], **keys}
    return Deployment.of(Workflow.model_validate(workflow), "flows/a-b-1.py:a_b")


def test_a_workflow_owns_what_its_file_says():
    schedule = [
        {"cron": "0 9 * * *", "timezone": "Europe/Berlin", "inputs": {"topic": "sun"}, "slug": "daily"},
        {"interval": "30s"},
        {"interval": 0.5, "timezone": "Asia/Tokyo", "active": False},
        {"rrule": "FREQ=DAILY"},
    ]
    made = deployment(version="2", description="d", tags=["x"], schedule=schedule)
    assert made.name == "a-b"
    assert made.owned == {
        "entrypoint": "flows/a-b-1.py:a_b",
        "version": "2",
        "description": "d",
        "tags": ["x", "leadagent"],
        "schedules": [
            {
                "cron": "0 9 * * *",
                "timezone": "Europe/Berlin",
                "parameters": {"topic": "sun"},
                "active": True,
                "slug": "daily",
            },
            {"interval": 30, "anchor_date": "2020-01-01T00:00:00+00:00", "active": True},
            {
                "interval": 0.5,
                "anchor_date": "2020-01-01T00:00:00+09:00",
                "timezone": "Asia/Tokyo",
                "active": False,
            },
            {"rrule": "FREQ=DAILY", "active": True},
        ],
    }
    assert deployment(description="").description is None


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"name": "{{ x }}"}, 'its name holds "{{ x }}"'),
        ({"name": "x.py"}, 'its name ends with ".py", which Prefect takes away'),
        ({"version": "{{ $HOME }}"}, 'its version holds "{{ $HOME }}"'),
        (
            {"description": "of {{prefect.blocks.secret.x}} and {{ HOME }}"},
            'its description holds "{{ HOME }}", which Prefect would replace: write it otherwise',
        ),
        ({"tags": ["a", "b{{ c }}"]}, 'tags[1] holds "{{ c }}"'),
        (
            {"schedule": [{"rrule": "FREQ=DAILY", "inputs": {"x": [{"y": "{{ z }}"}]}}]},
            'schedule[0].parameters.x[0].y holds "{{ z }}"',
        ),
        (
            {"schedule": {"cron": "{{ inputs.cron }}"}},
            'schedule[0].cron holds "{{ inputs.cron }}"',
        ),
        (
            {"schedule": {"cron": "@daily", "inputs": {"x": {"$ref": 1}}}},
            'schedule[0].parameters.x has the key "$ref", on which Prefect would act: name it otherwise',
        ),
        (
            {"schedule": {"cron": "@daily", "inputs": {"x": {"__prefect_kind": "json"}}}},
            'schedule[0].parameters.x has the key "__prefect_kind"',
        ),
        (
            {"schedule": [{"cron": "@daily", "slug": "a"}, {"cron": "@hourly", "slug": "a"}]},
            'two of its schedules have the slug "a"',
        ),
    ],
)
def test_what_prefect_would_change_on_its_way_is_refused(keys, message):
    with pytest.raises(ConfigurationError) as caught:
        deployment(**keys)
    assert f"workflow {chr(34)}{keys.get('name', 'a/b')}{chr(34)}: " in str(caught.value)
    assert message in str(caught.value)


def test_braces_that_are_no_placeholder_stay():
    text = "{{ a | upper }}, {{}}, { {x} }, {{ 'x' }} and {% raw %}"
    assert deployment(description=text, tags=[text]).description == text
