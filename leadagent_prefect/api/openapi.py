"""The description of the API, with what FastAPI does not find by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from leadagent_prefect.api.replies import AgentTest, ProblemDocument
from leadagent_prefect.api.restrictions import PARAMS
from leadagent_prefect.schema import json_schema

_KEY = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API key, as `leadagent keys create` prints it; none where the server has no keys.",
}
_REQUEST_ID = {
    "description": "under which the log has the request",
    "required": True,
    "schema": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
}
_REF, _DEFS = "#/components/schemas/", "#/$defs/"


def install(app: FastAPI, keyless: Callable[[], bool]) -> None:
    """Lets ``app`` describe itself so, at ``/openapi.json`` and on its pages; keys are optional while there
    are none.
    """
    made: list[dict[str, Any]] = []

    def described() -> dict[str, Any]:
        if not made:
            made.append(_described(app))
        return {**made[0], "security": [{"key": []}, {}] if keyless() else [{"key": []}]}

    app.openapi = described  # type: ignore[method-assign]  # FastAPI's own way to extend it


def _described(app: FastAPI) -> dict[str, Any]:
    spec = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
    )
    _, more = models_json_schema(
        [(AgentTest, "validation"), (ProblemDocument, "validation")], ref_template=_REF + "{model}"
    )
    components: dict[str, Any] = spec.setdefault("components", {})
    schemas: dict[str, Any] = components.setdefault("schemas", {})
    schemas.update({**more["$defs"], **_language()})
    schemas["AgentTest"]["properties"]["agent_config"] = {"$ref": f"{_REF}AgentConfig"}
    components.update(securitySchemes={"key": _KEY}, headers={"X-Request-ID": _REQUEST_ID})
    for answer in _answers(spec):
        answer.setdefault("headers", {})["X-Request-ID"] = {"$ref": "#/components/headers/X-Request-ID"}
        for content in answer["content"].values():
            if "example" not in content:
                content["example"] = _example(content["schema"], schemas)
    return spec


def _answers(spec: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in spec["paths"].values():
        for operation in methods.values():
            yield from operation["responses"].values()


def _example(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """A value of a schema, put together of the examples of its parts."""
    if "$ref" in schema:
        return _example(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "examples" in schema:
        return schema["examples"][0]
    if "properties" in schema:
        return {name: _example(part, schemas) for name, part in schema["properties"].items()}
    if "items" in schema:
        return [_example(schema["items"], schemas)]
    return schema["const"] if "const" in schema else schema["enum"][0]


def _language() -> dict[str, Any]:
    """The schemas of a workflow, without what may not come over HTTP; and that of a body with one."""
    found: dict[str, Any] = _moved(json_schema())
    definitions: dict[str, Any] = found.pop("$defs")
    workflow = {key: value for key, value in found.items() if key != "$schema"}
    del workflow["properties"]["schedule"], definitions["ScheduleConfig"]
    del definitions["TaskConfig"]["properties"]["workflow"]
    params = definitions["AgentConfig"]["properties"]["custom_params"]
    params["propertyNames"] = {"not": {"enum": list(PARAMS)}}
    whole = {"$ref": f"{_REF}Workflow"}
    envelope = {
        "type": "object",
        "properties": {"workflow": whole, "inputs": {"type": "object", "additionalProperties": True}},
        "required": ["workflow"],
        "additionalProperties": False,
    }
    text = "A workflow, or a mapping of one and the inputs of its run."
    submission = {"description": text, "anyOf": [whole, envelope]}
    return {**definitions, "Workflow": workflow, "Submission": submission}


def _moved(part: Any) -> Any:
    """A schema whose references lead to where OpenAPI has schemas."""
    if isinstance(part, dict):
        moved = {key: _moved(value) for key, value in part.items()}
        if isinstance(part.get("$ref"), str):
            moved["$ref"] = part["$ref"].replace(_DEFS, _REF)
        return moved
    return [_moved(item) for item in part] if isinstance(part, list) else part
