"""The description of the API, with what FastAPI does not find by itself."""

from __future__ import annotations

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
    spec = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    _, more = models_json_schema(
        [(AgentTest, "validation"), (ProblemDocument, "validation")],
        ref_template="#/components/schemas/{model}",
    )
    components: dict[str, Any] = spec.setdefault("components", {})
    components.setdefault("schemas", {}).update(more["$defs"])
    components["securitySchemes"] = {"key": _KEY}
    return {**spec, "security": [{"key": []}, {}]}
