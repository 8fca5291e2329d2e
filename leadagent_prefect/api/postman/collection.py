"""Requests in Postman's format (collection 2.1), with paths, fields and answers of the OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from leadagent_prefect.naming import http_phrase

_SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
_JSON, _PROBLEM = "application/json", "application/problem+json"


@dataclass(frozen=True)
class Step:
    """One request, under a name of its own.

    ``operation`` is "METHOD /path" as the OpenAPI document has it, ``status`` the answer that is to come;
    0 is for one that ``tests`` look at by themselves. ``body`` is data, or a text that is sent as it is.
    ``before`` and ``tests`` are JavaScript; where the answer is JSON, ``tests`` find it as ``body``.
    """

    name: str
    operation: str
    status: int = 200
    body: Any = None
    kind: str = _JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    run: str = "{{workflowId}}"
    before: str = ""
    tests: str = ""


@dataclass(frozen=True)
class Folder:
    name: str
    description: str
    steps: Sequence[Step]


def collection_of(
    spec: Mapping[str, Any], folders: Iterable[Folder], variables: Mapping[str, tuple[str, str]]
) -> dict[str, Any]:
    """The collection; ``variables`` have a value and a description each.

    Raises `KeyError` where a step asks for what the OpenAPI document does not have.
    """
    token = {"key": "token", "value": "{{apiKey}}", "type": "string"}
    return {
        "info": {
            "name": "Lead Agent API",
            "description": spec["info"]["description"],
            "version": spec["info"]["version"],
            "schema": _SCHEMA,
        },
        "auth": {"type": "bearer", "bearer": [token]},
        "variable": [
            {"key": key, "value": value, "type": "string", "description": description}
            for key, (value, description) in variables.items()
        ],
        "item": [
            {
                "name": folder.name,
                "description": folder.description,
                "item": [_Request(spec, step).item() for step in folder.steps],
            }
            for folder in folders
        ],
    }


class _Request:
    def __init__(self, spec: Mapping[str, Any], step: Step) -> None:
        self._spec, self._step = spec, step
        self._method, _, self._path = step.operation.partition(" ")
        self._operation = spec["paths"][self._path][self._method.lower()]
        answers = self._operation["responses"]
        self._answer = answers[str(step.status)] if step.status else None

    def item(self) -> dict[str, Any]:
        scripts = {"prerequest": self._step.before, "test": self._tests()}
        return {
            "name": self._step.name,
            "event": [
                {"listen": when, "script": {"type": "text/javascript", "exec": text.splitlines()}}
                for when, text in scripts.items()
                if text
            ],
            "request": self._request(),
            "response": self._example(),
        }

    def _request(self) -> dict[str, Any]:
        headers = dict(self._step.headers)
        said = "\n\n".join(filter(None, (self._operation["summary"], self._operation.get("description"))))
        request: dict[str, Any] = {"method": self._method, "url": self._url(), "description": said}
        if "Authorization" in headers:
            request["auth"] = {"type": "noauth"}
        if self._step.body is not None:
            headers["Content-Type"] = self._step.kind
            text = self._step.body if isinstance(self._step.body, str) else _pretty(self._step.body)
            language = "json" if self._step.kind == _JSON else "text"
            request["body"] = {"mode": "raw", "raw": text, "options": {"raw": {"language": language}}}
        request["header"] = [{"key": key, "value": value} for key, value in headers.items()]
        return request

    def _url(self) -> dict[str, Any]:
        path = self._path.replace("{execution_id}", ":execution_id")
        query = [{"key": key, "value": value} for key, value in self._step.query.items()]
        mark = "?" + "&".join(f"{key}={value}" for key, value in self._step.query.items()) if query else ""
        url: dict[str, Any] = {
            "raw": f"{{{{baseUrl}}}}{path}{mark}",
            "host": ["{{baseUrl}}"],
            "path": path[1:].split("/"),
        }
        if query:
            url["query"] = query
        if path != self._path:
            url["variable"] = [{"key": "execution_id", "value": self._step.run}]
        return url

    def _tests(self) -> str:
        status, kind = self._step.status, self._kind()
        lines = (
            [f'pm.test("answers {status}", () => pm.response.to.have.status({status}));'] if status else []
        )
        if kind in (_JSON, _PROBLEM):
            lines.append("const body = pm.response.json();")
        if kind == _JSON:
            lines += ['pm.test("has the fields that are documented, and no others", () => {']
            lines += [f"    {line}" for line in self._fields()] + ["});"]
        if kind == _PROBLEM:
            lines += _OF_PROBLEMS
        return "\n".join([*lines, *self._step.tests.strip("\n").splitlines()])

    def _fields(self) -> list[str]:
        schema = self._schema(self._content(_JSON)["schema"])
        lines = [f"pm.expect(body).to.have.all.keys({_names(schema)});"]
        for name, part in schema["properties"].items():
            if "$ref" in part.get("items", {}):
                keys = _names(self._schema(part["items"]))
                lines.append(f"for (const one of body.{name}) pm.expect(one).to.have.all.keys({keys});")
        return lines

    def _example(self) -> list[dict[str, Any]]:
        if self._answer is None:
            return []
        kind = self._kind()
        example = self._content(kind)["example"]
        return [
            {
                "name": f"{self._step.status}",
                "originalRequest": self._request(),
                "status": http_phrase(self._step.status),
                "code": self._step.status,
                "_postman_previewlanguage": "text" if isinstance(example, str) else "json",
                "header": [{"key": "Content-Type", "value": kind}],
                "body": example if isinstance(example, str) else _pretty(example),
            }
        ]

    def _kind(self) -> str:
        """The content type of the answer; empty where it is not known beforehand."""
        return str(next(iter(self._answer["content"]))) if self._answer is not None else ""

    def _content(self, kind: str) -> Mapping[str, Any]:
        assert self._answer is not None  # its kind is known
        found: Mapping[str, Any] = self._answer["content"][kind]
        return found

    def _schema(self, reference: Mapping[str, Any]) -> Mapping[str, Any]:
        name = reference["$ref"].rpartition("/")[2]
        found: Mapping[str, Any] = self._spec["components"]["schemas"][name]
        return found


#: What holds of every error.
_OF_PROBLEMS = [
    'pm.test("is a problem document that names the request", () => {',
    '    pm.expect(pm.response.headers.get("Content-Type")).to.eql("application/problem+json");',
    '    pm.expect(body).to.include.all.keys("type", "title", "status", "detail", "request_id");',
    "    pm.expect(body.status).to.eql(pm.response.code);",
    '    pm.expect(body.request_id).to.eql(pm.response.headers.get("X-Request-ID"));',
    '    pm.expect(pm.response.text()).to.not.include("Traceback");',
    "});",
]


def _names(schema: Mapping[str, Any]) -> str:
    return ", ".join(json.dumps(name) for name in schema["properties"])


def _pretty(data: Any) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False)
