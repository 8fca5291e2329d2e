"""The JSON Schema of the language: it takes what leadagent takes, and describes every key."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from leadagent_prefect.schema import json_schema
from leadagent_prefect.source import read_path

ROOT = Path(__file__).resolve().parents[2]
VALID = sorted([*ROOT.glob("tests/cases/ok/*"), *ROOT.glob("examples/**/*.yaml")])

SCHEMA = json_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def problems(data):
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(data)]


def workflow(agent=None, task=None, **settings):
    agents = [{"name": "a", "type": "http_api", **(agent or {})}]
    return {
        "name": "w",
        "agents": agents,
        "tasks": [{"name": "t", "agent_name": "a", **(task or {})}],
        **settings,
    }


def test_it_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_there_are_valid_files_to_try():
    assert len(VALID) > 5


@pytest.mark.parametrize("path", VALID, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_valid_file_of_the_project_is_valid_by_it(path):
    assert problems(read_path(path).data) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"x-anchors": {"anything": 1}},
        {"global_timeout": "5m", "min_success": "80%"},
        {"schedule": {"cron": "0 9 * * *"}},
        {"schedule": [{"interval": "1h"}, {"rrule": "FREQ=DAILY"}]},
        {"inputs": {"q": {"type": "string", "maxLength": 5}}},
        {"finally": [{"name": "f"}]},
        {"task": {"as": "x", "for_each": "{{ inputs.x }}", "value": None, "wait": 0}},
        {"task": {"retry_config": {"initial_delay": "500ms", "max_delay": 2.5}}},
        {"agent": {"authentication": {"type": "basic", "username": "u", "password": "p"}}},
    ],
)
def test_it_takes_what_the_language_has(settings):
    assert problems(workflow(**settings)) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"nme": "x"},
        {"name": ""},
        {"tasks": []},
        {"global_timeout": 0},
        {"global_timeout": "5 minutes"},
        {"min_success": -1},
        {"failure_strategy": "hope"},
        {"schedule": "daily"},
        {"inputs": {"q": {"type": "text"}}},
        {"task": {"finally": []}},
        {"task": {"timeout": -1}},
        {"task": {"tasks": []}},
        {"task": {"tasks": [{"nme": "x"}]}},
        {"task": {"repeat": {"every": "1s"}}},
        {"on_failure": [{"agent_name": "a"}]},
        {"agent": {"authentication": {"type": "bearer"}}},
        {"agent": {"retry_config": {"max_attempts": 0}}},
    ],
)
def test_it_refuses_what_leadagent_refuses(settings):
    assert problems(workflow() | settings if "tasks" in settings else workflow(**settings)) != []


def test_every_key_is_described():
    for name, part in {"Workflow": SCHEMA, **SCHEMA["$defs"]}.items():
        assert part["description"], name
        assert [key for key, value in part["properties"].items() if not value["description"]] == [], name


def test_it_holds_nothing_that_is_no_keyword_of_json_schema():
    def keywords(schema):
        yield from schema
        for key in ("properties", "$defs", "patternProperties"):
            for part in schema.get(key, {}).values():
                yield from keywords(part)
        for part in [*schema.get("anyOf", ()), *schema.get("oneOf", ())]:
            yield from keywords(part)
        for key in ("items", "additionalProperties"):
            if isinstance(schema.get(key), dict):
                yield from keywords(schema[key])

    known = {key for vocabulary in VALIDATOR.META_SCHEMA["allOf"] for key in known_of(vocabulary["$ref"])}
    assert set(keywords(SCHEMA)) - known == set()


def known_of(reference):
    uri = f"https://json-schema.org/draft/2020-12/{reference}"
    from jsonschema_specifications import REGISTRY

    return REGISTRY.contents(uri)["properties"]
