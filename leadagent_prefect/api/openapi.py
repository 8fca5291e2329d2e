"""The description of the API, with what FastAPI does not find by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from leadagent_prefect.api.replies import AgentTest, ProblemDocument

_KEY = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API key, as `leadagent keys create` prints it; none where the server has no keys.",
}


def install(app: FastAPI) -> None:
    """Lets ``app`` describe itself so, at ``/openapi.json`` and on its pages."""
    made: list[dict[str, Any]] = []

    def described() -> dict[str, Any]:
        if not made:
            made.append(_described(app))
        return made[0]

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
        [(AgentTest, "validation"), (ProblemDocument, "validation")],
        ref_template="#/components/schemas/{model}",
    )
    components: dict[str, Any] = spec.setdefault("components", {})
    components.setdefault("schemas", {}).update(more["$defs"])
    components["securitySchemes"] = {"key": _KEY}
    for content in _answers(spec):
        if "example" not in content:
            content["example"] = _example(content["schema"], components["schemas"])
    return {**spec, "security": [{"key": []}, {}]}


def _answers(spec: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The content of every answer, by kind and status."""
    for methods in spec["paths"].values():
        for operation in methods.values():
            for answer in operation["responses"].values():
                yield from answer.get("content", {}).values()


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
