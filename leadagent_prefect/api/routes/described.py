"""What the OpenAPI document says of bodies and errors, beside what FastAPI finds by itself."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Query

from leadagent_prefect.api.problems import MEDIA_TYPE

#: So that offsets stay numbers which every database takes.
Page = Annotated[int, Query(ge=1, le=100_000, description="counted from 1")]

_REASONS = {
    400: "The body can't be read as JSON or YAML.",
    401: "There is no valid API key.",
    403: "The key may not do this, or the request comes from elsewhere.",
    404: "There is no such run, or it is another's.",
    408: "The body took too long.",
    409: "The run has ended already, or has not yet.",
    413: "The body or the inputs are too large.",
    415: "The body is of another type than JSON or YAML, or packed.",
    422: "The workflow, the inputs or a parameter is not valid.",
    429: "Too many requests; Retry-After says when to come again.",
    503: "Prefect does not answer; Retry-After says when to come again.",
}

EXAMPLE: dict[str, Any] = {
    "name": "simple_test_workflow",
    "description": "A simple test workflow",
    "version": "1.0.0",
    "parallel_execution": False,
    "failure_strategy": "stop_on_first_failure",
    "agents": [
        {
            "name": "test_agent",
            "type": "http_api",
            "endpoint": "https://api.example.com",
            "timeout": 30,
        }
    ],
    "tasks": [
        {
            "name": "fetch_data",
            "agent_name": "test_agent",
            "action": "fetch",
            "parameters": {"method": "GET", "endpoint": "/posts/1"},
        }
    ],
}
_HELLO = {
    "name": "hello",
    "tasks": [
        {"name": "greet", "value": "hello"},
        {"name": "shout", "value": "{{ tasks.greet.result | upper }}"},
    ],
}
_WITH_INPUTS = {
    "workflow": {
        "name": "double",
        "inputs": {"n": {"type": "integer"}},
        "tasks": [{"name": "double", "value": "{{ inputs.n * 2 }}"}],
    },
    "inputs": {"n": 21},
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of an endpoint that wants a key, with those that each of them has."""
    return only(*statuses, 401, 403, 422, 429, 503)


def only(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """These errors and no others."""
    return {status: _problem(status) for status in sorted(set(statuses))}


def _problem(status: int) -> dict[str, Any]:
    example = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": _REASONS[status],
        "request_id": "7f3c9a2be1d04c55",
    }
    schema = {"$ref": "#/components/schemas/ProblemDocument"}
    return {
        "description": _REASONS[status],
        "content": {MEDIA_TYPE: {"schema": schema, "example": example}},
    }


def text(kind: str, example: str) -> dict[int | str, dict[str, Any]]:
    """An answer that is no JSON."""
    return {200: {"content": {kind: {"schema": {"type": "string"}, "example": example}}}}


def workflow_body() -> dict[str, Any]:
    """The request body of a workflow, in JSON or in YAML."""
    schema = {"type": "object", "description": "a workflow, or a mapping of workflow and inputs"}
    examples = {
        "hello": {"summary": "A workflow that calls nobody", "value": _HELLO},
        "http": {"summary": "One call to an HTTP API", "value": EXAMPLE},
        "inputs": {"summary": "A workflow and its inputs", "value": _WITH_INPUTS},
    }
    content = {
        kind: {"schema": schema, "examples": examples} for kind in ("application/json", "application/yaml")
    }
    return {"requestBody": {"required": True, "content": content}}
