"""What the OpenAPI document says of bodies and errors, beside what FastAPI finds by itself."""

from __future__ import annotations

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

_EXAMPLE = {
    "name": "simple_test_workflow",
    "agents": [{"name": "test_agent", "type": "http_api", "endpoint": "https://api.example.com"}],
    "tasks": [
        {
            "name": "fetch_data",
            "agent_name": "test_agent",
            "action": "GET",
            "parameters": {"endpoint": "/posts/1"},
        }
    ],
}
_ENVELOPE = {"workflow": _EXAMPLE, "inputs": {}}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of an endpoint that wants a key, with those that each of them has."""
    return only(*statuses, 401, 403, 422, 429, 503)


def only(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """These errors and no others."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
    return {status: {"description": _REASONS[status], "content": content} for status in sorted(set(statuses))}


def workflow_body() -> dict[str, Any]:
    """The request body of a workflow, in JSON or in YAML."""
    schema = {"type": "object", "description": "a workflow, or a mapping of workflow and inputs"}
    examples = {
        "workflow": {"summary": "The workflow itself", "value": _EXAMPLE},
        "with inputs": {"summary": "With inputs", "value": _ENVELOPE},
    }
    content = {
        kind: {"schema": schema, "examples": examples} for kind in ("application/json", "application/yaml")
    }
    return {"requestBody": {"required": True, "content": content}}
