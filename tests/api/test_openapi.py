"""The description of the API: whole, so that clients can be made of it."""

from __future__ import annotations

import json

import jsonschema
import pytest
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from leadagent_prefect.api.app import create_app
from leadagent_prefect.api.document import findings, submission_of
from leadagent_prefect.api.keys import KeyFile
from leadagent_prefect.api.reading import read_document
from leadagent_prefect.api.settings import read_settings

PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def app(prefect_api, tmp_path_factory):
    keys = tmp_path_factory.mktemp("openapi") / "keys.json"
    return create_app(read_settings({"api_keys": keys}), prefect_api)


@pytest.fixture(scope="module")
def spec(app):
    return app.openapi()


def operations(spec):
    return [(path, method, one) for path, methods in spec["paths"].items() for method, one in methods.items()]


def at(spec, part):
    """What ``part`` refers to, or is."""
    while "$ref" in part:
        found = spec
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part


def answers(spec):
    """Operation, status and answer of each that is described."""
    return [
        (f"{method} {path}", status, at(spec, answer))
        for path, method, one in operations(spec)
        for status, answer in one["responses"].items()
    ]


def test_every_endpoint_is_described(spec):
    assert {(method, path) for path, method, _ in operations(spec)} == {
        ("get", "/"),
        ("get", "/api/v1/health"),
        ("get", "/api/v1/health/live"),
        ("get", "/api/v1/health/ready"),
        ("get", "/metrics"),
        ("post", "/api/v1/agents/test"),
        ("get", "/api/v1/workflows"),
        ("post", "/api/v1/workflows"),
        ("post", "/api/v1/workflows/validate"),
        ("get", "/api/v1/workflows/{execution_id}"),
        ("delete", "/api/v1/workflows/{execution_id}"),
        ("get", "/api/v1/workflows/{execution_id}/status"),
        ("get", "/api/v1/workflows/{execution_id}/logs"),
        ("get", "/api/v1/workflows/{execution_id}/events"),
        ("post", "/api/v1/workflows/{execution_id}/resume"),
    }
    assert [path for path, _, one in operations(spec) if not one.get("summary")] == []


def test_only_what_the_server_says_of_itself_needs_no_key(spec):
    bare = {path for path, _, one in operations(spec) if one.get("security") == []}
    assert bare == {"/", "/api/v1/health", "/api/v1/health/live", "/api/v1/health/ready"}
    assert spec["security"] == [{"key": []}, {}]
    assert {tag["name"] for tag in spec["tags"]} == {
        name for *_, one in operations(spec) for name in one["tags"]
    }


def test_every_error_is_a_problem_document(spec):
    found = [(where, status, set(one["content"])) for where, status, one in answers(spec) if status >= "400"]
    assert len(found) > 60
    assert {kinds == {PROBLEM} for _, _, kinds in found} == {True}
    assert {"401", "429", "503"} <= {status for where, status, _ in found if where == "get /metrics"}


def test_every_reference_leads_somewhere(spec):
    references = {part.split("'")[0] for part in repr(spec).split("'$ref': '")[1:]}
    assert "#/components/schemas/Workflow" in references
    for reference in references:
        assert at(spec, {"$ref": reference})


def test_errors_say_when_to_come_again_and_what_is_asked_for(spec):
    for where, status, answer in answers(spec):
        names = {name for name, header in answer["headers"].items() if at(spec, header)["required"]}
        wanted = {
            "401": {"WWW-Authenticate"},
            "429": {"Retry-After"},
            "503": {"Retry-After"},
        }
        assert names == {"X-Request-ID"} | wanted.get(status, set()), (where, status)


def contents(spec):
    """Every body and answer, with where it stands."""
    for path, method, one in operations(spec):
        for kind, content in one.get("requestBody", {"content": {}})["content"].items():
            yield f"{method} {path}: {kind}", content
    for where, status, answer in answers(spec):
        for kind, content in answer["content"].items():
            yield f"{where} {status}: {kind}", content


def test_every_body_and_answer_has_an_example_that_is_valid_by_its_schema(spec):
    registry = Registry().with_resource("urn:spec", Resource(spec, DRAFT202012))
    checked = 0
    for where, content in contents(spec):
        examples = [one["value"] for one in content.get("examples", {}).values()]
        examples += [content["example"]] if "example" in content else []
        assert examples, where
        schema = content["schema"]
        if "$ref" in schema:
            schema = {"$ref": f"urn:spec{schema['$ref']}"}
        validator = jsonschema.Draft202012Validator(
            schema, registry=registry, format_checker=jsonschema.FormatChecker()
        )
        for example in examples:
            assert [error.message for error in validator.iter_errors(example)] == [], where
            checked += 1
    assert checked > 100


def test_the_examples_of_parameters_are_valid_too(spec):
    seen = set()
    for _, _, one in operations(spec):
        for parameter in one.get("parameters", ()):
            seen.add(parameter["name"])
            for example in parameter["schema"]["examples"]:
                jsonschema.validate(example, parameter["schema"])
    assert seen == {"execution_id", "page", "page_size", "status", "Idempotency-Key", "Last-Event-ID"}


def test_the_examples_of_workflows_are_valid(spec):
    for content in spec["paths"]["/api/v1/workflows"]["post"]["requestBody"]["content"].values():
        for example in content["examples"].values():
            body = json.dumps(example["value"]).encode()
            assert findings(submission_of(read_document(body, "application/json")), read_settings({})) == []


def test_no_answer_is_described_without_its_fields(spec):
    named = {
        f"{where} {status}": at(spec, content["schema"])
        for where, status, answer in answers(spec)
        for kind, content in answer["content"].items()
        if kind == "application/json"
    }
    assert len(named) == len(operations(spec)) - 2  # but /metrics and the events
    assert {where for where, schema in named.items() if "properties" not in schema} == set()


def test_what_may_not_come_over_http_is_not_in_the_schema_of_a_workflow(spec):
    schemas = spec["components"]["schemas"]
    assert "schedule" not in schemas["Workflow"]["properties"]
    assert "workflow" not in schemas["TaskConfig"]["properties"]
    assert "$defs" not in json.dumps(schemas)


def test_from_a_new_run_there_are_links_to_all_that_can_be_done_with_it(spec):
    links = spec["paths"]["/api/v1/workflows"]["post"]["responses"]["200"]["links"]
    names = {one["operationId"] for _, _, one in operations(spec)}
    assert {link["operationId"] for link in links.values()} <= names
    assert len(names) == len(operations(spec))
    assert set(links) == {"get", "status", "logs", "events", "cancel", "resume"}


def test_keys_are_wanted_where_there_are_any_and_never_for_health(app, spec):
    assert spec["security"] == [{"key": []}, {}]
    KeyFile(app.state.desk.settings.api_keys).create("ci", ["read"])
    again = app.openapi()
    assert again["security"] == [{"key": []}]
    assert again["paths"] is spec["paths"]
    assert [path for path, _, one in operations(spec) if one.get("security") == []] == [
        "/",
        "/api/v1/health",
        "/api/v1/health/live",
        "/api/v1/health/ready",
    ]
