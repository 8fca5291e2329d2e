"""Agents of type ``http_api``: one HTTP request a call, its answer as data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlencode

from pydantic_core import PydanticCustomError

from leadagent_prefect.agents.base import BaseAgent
from leadagent_prefect.agents.exchange import Outgoing
from leadagent_prefect.agents.headers import checked_headers
from leadagent_prefect.agents.http_client import HttpClient
from leadagent_prefect.agents.http_options import HTTP_PARAMS
from leadagent_prefect.agents.options import refuse_unknown
from leadagent_prefect.agents.payload import encode_json
from leadagent_prefect.errors import AgentMisconfigured
from leadagent_prefect.models import AgentConfig
from leadagent_prefect.results import AgentResponse
from leadagent_prefect.scalars import parse_timeout

#: An action with one of these names is the method; other methods are given as ``method``.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

PARAMETERS = frozenset({"method", "endpoint", "params", "headers", "json", "body", "data", "timeout"})


class HTTPAgent(BaseAgent):
    """Sends a request to ``endpoint`` (and below it) and gives the parsed answer; see docs/agents.md.

    Parameters of a call: method, endpoint, params, headers, json (alias body), data, timeout.
    """

    known_params: ClassVar[frozenset[str] | None] = HTTP_PARAMS

    def __init__(self, config: AgentConfig) -> None:
        super().__init__(config)
        self._http = HttpClient(config)

    async def open(self) -> None:
        self._http.open()

    async def execute(self, action: str, parameters: dict[str, Any]) -> AgentResponse:
        """The answer's JSON, its text, or None for an empty body; ``metadata`` as `Answer.metadata` says."""
        answer = await self._http.send(self._request(action, parameters))
        return AgentResponse(success=True, result=answer.content, metadata=answer.metadata)

    async def close(self) -> None:
        await self._http.close()

    def _request(self, action: str, parameters: Mapping[str, Any]) -> Outgoing:
        where = f'agent "{self.config.name}"'
        refuse_unknown(parameters, PARAMETERS, f"{where}: parameters of an http_api task:")
        endpoint = parameters.get("endpoint")
        if not isinstance(endpoint, (str, type(None))):
            raise AgentMisconfigured(f"{where}: parameters.endpoint is {endpoint!r}, expected a path")
        query = _form(parameters.get("params"), f"{where}: parameters.params")
        content, content_type = _content(parameters, where)
        headers = {"content-type": content_type} if content_type else {}
        if self.call.idempotency_key:
            headers["idempotency-key"] = self.call.idempotency_key
        return Outgoing(
            method=_method(action, parameters, where),
            url=self._http.address.join(endpoint or "", query),
            headers={**headers, **checked_headers(parameters.get("headers"), f"{where}: parameters.headers")},
            content=content,
            timeout=_timeout(parameters.get("timeout"), self.call.timeout, where),
            accept_status=self.call.accept_status,
        )


def _method(action: str, parameters: Mapping[str, Any], where: str) -> str:
    method = parameters.get("method")
    if method is None:
        return action.upper() if action.upper() in METHODS else "GET"
    # CONNECT asks for a tunnel, which is no answer to a task.
    if (
        not isinstance(method, str)
        or not (method.isascii() and method.isalpha())
        or method.upper() == "CONNECT"
    ):
        raise AgentMisconfigured(
            f"{where}: parameters.method is {method!r}, expected one such as GET or POST"
        )
    return method.upper()


def _content(parameters: Mapping[str, Any], where: str) -> tuple[bytes | None, str]:
    """The body and its content type. A null body is none."""
    given = [key for key in ("json", "body", "data") if parameters.get(key) is not None]
    if len(given) > 1:
        raise AgentMisconfigured(
            f"{where}: parameters has both {given[0]} and {given[1]}: a request has one body"
        )
    if not given:
        return None, ""
    value, where = parameters[given[0]], f"{where}: parameters.{given[0]}"
    if given[0] != "data":
        return encode_json(value, where), "application/json"
    text = value if isinstance(value, str) else _form(value, where)
    return text.encode("utf-8", "replace"), "application/x-www-form-urlencoded"


def _form(fields: object, where: str) -> str:
    """``a=1&b=2`` of a mapping; a list repeats its key, null leaves it out, booleans are true and false."""
    if fields is None:
        return ""
    if not isinstance(fields, Mapping):
        raise AgentMisconfigured(f"{where} must be a mapping of names to values, not {type(fields).__name__}")
    pairs = [
        (name, _scalar(item, f"{where}.{name}"))
        for name, value in fields.items()
        for item in (value if isinstance(value, list) else [value])
        if item is not None
    ]
    return urlencode(pairs, errors="replace")


def _scalar(value: object, where: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int)) or (isinstance(value, float) and math.isfinite(value)):
        return str(value)
    raise AgentMisconfigured(f"{where} must be text, a number, a boolean or a list of them, not {value!r}")


def _timeout(value: object, default: float, where: str) -> float:
    if value is None:
        return default
    try:
        return parse_timeout(value)
    except PydanticCustomError as exc:
        raise AgentMisconfigured(f"{where}: parameters.timeout: {exc.message()}") from None
