"""What the OpenAPI document says of errors and answers, beside what FastAPI finds by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Query

from leadagent_prefect.api.problems import MEDIA_TYPE
from leadagent_prefect.naming import http_phrase

#: So that offsets stay numbers which every database takes.
Page = Annotated[int, Query(ge=1, le=100_000, description="counted from 1", examples=[1])]
RunId = Annotated[
    UUID,
    Path(
        description="of the run, as POST /api/v1/workflows gives it",
        examples=["123e4567-e89b-12d3-a456-426614174000"],
    ),
]
#: For endpoints that want no key.
OPEN: dict[str, Any] = {"security": []}

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

_RETRY = {"description": "seconds to wait", "required": True, "schema": {"type": "integer", "minimum": 1}}
_BEARER = {"description": "what is asked for", "required": True, "schema": {"type": "string"}}
_HEADERS: Mapping[int, Any] = {
    401: {"WWW-Authenticate": _BEARER},
    429: {"Retry-After": _RETRY},
    503: {"Retry-After": _RETRY},
}
_TEXT: Mapping[str, Any] = {"type": "string"}
_FOLLOWED = ("get", "status", "logs", "events", "cancel", "resume")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of an endpoint that wants a key, with those that each of them has."""
    return only(*statuses, 401, 422, 429, 503)


def only(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """These errors, and that of a request that comes from elsewhere."""
    return {status: _problem(status) for status in sorted({403, *statuses})}


def _problem(status: int) -> dict[str, Any]:
    example = {
        "type": "about:blank",
        "title": http_phrase(status),
        "status": status,
        "detail": _REASONS[status],
        "request_id": "7f3c9a2be1d04c55",
    }
    schema = {"$ref": "#/components/schemas/ProblemDocument"}
    return {
        "description": _REASONS[status],
        "content": {MEDIA_TYPE: {"schema": schema, "example": example}},
        "headers": dict(_HEADERS.get(status, {})),
    }


def text(kind: str, example: Any, schema: Mapping[str, Any] = _TEXT) -> dict[int | str, dict[str, Any]]:
    """An answer that is no JSON; ``schema`` of a stream of events is that of one."""
    return {200: {"content": {kind: {"schema": schema, "example": example}}}}


def linked() -> dict[int | str, dict[str, Any]]:
    """Where a client may go from the answer that has the id of a run."""
    parameters = {"execution_id": "$response.body#/execution_id"}
    links = {name: {"operationId": f"workflows_{name}", "parameters": parameters} for name in _FOLLOWED}
    return {200: {"links": links}}
