"""What a workflow from outside may not hold, each rule with its reason in the message and its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from leadagent_prefect.api.settings import Settings
from leadagent_prefect.api.stored import server_named
from leadagent_prefect.checks.endpoints import origin, parsed
from leadagent_prefect.diagnostics import Diagnostic, quote
from leadagent_prefect.source import Document, Path
from leadagent_prefect.templates import has_template, references

CODE = "not-allowed-over-http"
#: Of an agent's custom_params: what starts a process, names code, or weakens TLS.
PARAMS = ("class", "verify", "command", "args", "env", "cwd")
_LISTS = ("tasks", "on_failure", "finally")


def restrict(document: Document, settings: Settings) -> list[Diagnostic]:
    """Every place that is not allowed."""
    return _Judge(document, settings).judge()


class _Judge:
    def __init__(self, document: Document, settings: Settings) -> None:
        self._document, self._settings = document, settings
        self._found: list[Diagnostic] = []

    def judge(self) -> list[Diagnostic]:
        data = self._document.data
        if "schedule" in data:
            self._say(("schedule",), "a schedule: a workflow is run by the request that holds it", key=True)
        for path, tag in _items(data.get("tags"), ("tags",)):
            if isinstance(tag, str) and tag.startswith("leadagent:"):
                self._say(path, f"the tag {quote(tag)}: tags of this form say whose a run is")
        for path, task in _tasks(data, ()):
            if "workflow" in task:
                self._say((*path, "workflow"), "workflow: it names a file of this machine", key=True)
        for path, agent in _items(data.get("agents"), ("agents",)):
            if isinstance(agent, Mapping):
                self._agent(path, agent)
        self._references(data)
        self._keys(data)
        return self._found

    def _say(self, path: Path, what: str, *, key: bool = False, hint: str | None = None) -> None:
        message = f"a workflow that comes over HTTP may not have {what}"
        self._found.append(
            self._document.diagnose(CODE, message, path, at="key" if key else "value", hint=hint)
        )

    def _agent(self, path: Path, agent: Mapping[str, Any]) -> None:
        type, allowed = agent.get("type"), self._settings.allow_types
        if isinstance(type, str) and (type == "custom" or type not in allowed):
            self._say((*path, "type"), f"agents of type {quote(type)}", hint=f"allowed: {', '.join(allowed)}")
        params = agent.get("custom_params")
        params = params if isinstance(params, Mapping) else {}
        for name in PARAMS:
            if name in params:
                self._say((*path, "custom_params", name), f"custom_params.{name}", key=True)
        transport = params.get("transport")
        if isinstance(transport, str) and has_template(transport):
            self._say((*path, "custom_params", "transport"), "a transport out of a template")
        self._endpoint(path, agent.get("endpoint"), transport)

    def _endpoint(self, path: Path, endpoint: Any, transport: Any) -> None:
        if not isinstance(endpoint, str):
            return
        place, lower = (*path, "endpoint"), endpoint.lower()
        if lower.startswith("stdio:") or transport == "stdio":
            if server_named(endpoint) not in self._settings.mcp_servers:
                known = ", ".join(self._settings.mcp_servers) or "none"
                hint = f"registered are: {known}"
                self._say(place, "an MCP server on stdio but by the name of a registered one", hint=hint)
        elif has_template(endpoint) and not _with_literal_scheme(endpoint):
            hint = "begin it with https://"
            self._say(place, "an endpoint whose scheme comes out of a template", hint=hint)

    def _references(self, data: Mapping[str, Any]) -> None:
        for path, found in references(data):
            if found.root in ("env", "vars"):
                self._say(path, f"{found.root}: it belongs to the machine that runs it")
            elif found.root == "secrets":
                self._secret(path, str(found.path[0]) if found.path else "")

    def _secret(self, path: Path, name: str) -> None:
        if path[:1] != ("agents",) or path[2:3] != ("authentication",):
            self._say(path, "a secret but in the authentication of an agent")
            return
        listed = self._settings.allow_secrets
        endpoint = self._document.data["agents"][path[1]].get("endpoint")
        if name not in listed:
            self._say(path, f"the secret {quote(name)}", hint=f"allowed: {', '.join(listed) or 'none'}")
        elif not _goes_to(endpoint, listed[name]):
            hint = f"it may go to: {', '.join(listed[name])}"
            self._say(path, f"the secret {quote(name)} for an endpoint that is none of its own", hint=hint)

    def _keys(self, data: Any) -> None:
        left: list[tuple[Path, Any]] = [((), data)]
        while left:
            path, item = left.pop()
            left += [((*path, key), value) for key, value in _children(item)]
            last = path[-1] if path else None
            if last == "__prefect_kind" or (last == "$ref" and not _in_schema(path)):
                self._say(path, f"the key {quote(str(last))}: Prefect acts on it", key=True)


def _in_schema(path: Path) -> bool:
    """Where a reference is JSON Schema's, which the checks hold to the schema itself."""
    return "output_schema" in path or path[0] == "inputs"


def _children(item: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(item, Mapping):
        yield from item.items()
    elif isinstance(item, list):
        yield from enumerate(item)


def _items(items: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    for index, item in enumerate(items if isinstance(items, list) else ()):
        yield (*path, index), item


def _tasks(data: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Every task, also those that stand in others."""
    for key in _LISTS:
        for place, task in _items(data.get(key), (*path, key)):
            if isinstance(task, Mapping):
                yield place, task
                yield from _tasks(task, place)


def _with_literal_scheme(endpoint: str) -> bool:
    return endpoint.lower().startswith(("http://", "https://", "sse+http://", "sse+https://"))


def _goes_to(endpoint: Any, origins: tuple[str, ...]) -> bool:
    """Is the endpoint, which must stand in full, on one of the origins?"""
    if not isinstance(endpoint, str) or has_template(endpoint):
        return False
    url, _ = parsed(endpoint.removeprefix("sse+"))
    listed = [parsed(one.rstrip("/"))[0] for one in origins]
    return url is not None and origin(url) in [origin(one) for one in listed if one is not None]
