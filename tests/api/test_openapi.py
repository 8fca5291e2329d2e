"""The description of the API: whole, so that clients can be made of it."""

from __future__ import annotations

import pytest

from leadagent_prefect.api.app import create_app
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


def test_every_body_and_answer_of_runs_has_an_example(spec):
    for path, method, one in operations(spec):
        if "requestBody" in one and "workflows" in path:
            for content in one["requestBody"]["content"].values():
                assert content["examples"], (path, method)
    for name in ("Created", "Status", "Execution", "Change", "ProblemDocument"):
        fields = spec["components"]["schemas"][name]["properties"]
        assert [field for field, schema in fields.items() if "examples" not in schema] in (
            [],
            ["diagnostics"],
        )
