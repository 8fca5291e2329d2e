"""The description of the API: whole, so that clients can be made of it."""

from __future__ import annotations

import json

import jsonschema
import pytest

from leadagent_prefect.api.app import create_app
from leadagent_prefect.api.document import findings, submission_of
from leadagent_prefect.api.reading import read_document
from leadagent_prefect.api.settings import read_settings


@pytest.fixture(scope="module")
def spec(prefect_api):
    app = create_app(read_settings({}), prefect_api)
    assert app.openapi() is app.openapi()
    return app.openapi()


def operations(spec):
    return [(path, method, one) for path, methods in spec["paths"].items() for method, one in methods.items()]


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


def test_every_error_is_a_problem_document_and_every_reference_leads_somewhere(spec):
    schemas = spec["components"]["schemas"]
    for path, method, one in operations(spec):
        for status, answer in one["responses"].items():
            if status >= "400":
                assert set(answer["content"]) == {"application/problem+json"}, (path, method, status)
    assert "AgentTest" in schemas
    text = repr(spec)
    named = {part.split("'")[0] for part in text.split("#/components/schemas/")[1:]}
    assert named <= set(schemas)


def answers(spec):
    for path, method, one in operations(spec):
        for status, answer in one["responses"].items():
            yield (method, path, status), answer["content"]


def test_every_body_and_every_answer_has_a_schema_and_an_example_of_it(spec):
    for path, method, one in operations(spec):
        for content in one.get("requestBody", {}).get("content", {}).values():
            assert "examples" in content or "properties" in resolved(spec, content["schema"]), (path, method)
    registry = {"components": spec["components"]}
    for place, contents in answers(spec):
        for content in contents.values():
            schema = {**registry, **content["schema"]}
            assert len(content["schema"]) > 0, place
            jsonschema.validate(content["example"], schema, format_checker=jsonschema.FormatChecker())


def test_the_examples_of_workflows_are_valid(spec):
    for content in spec["paths"]["/api/v1/workflows"]["post"]["requestBody"]["content"].values():
        for example in content["examples"].values():
            body = json.dumps(example["value"]).encode()
            assert findings(submission_of(read_document(body, "application/json")), read_settings({})) == []


def test_no_answer_is_described_without_its_fields(spec):
    named = {
        "/".join(place): content["schema"]
        for place, contents in answers(spec)
        for kind, content in contents.items()
        if kind == "application/json"
    }
    assert {place for place, schema in named.items() if "properties" not in resolved(spec, schema)} == set()


def resolved(spec, schema):
    return spec["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
