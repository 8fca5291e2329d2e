"""Around every request: its id, its line in the log, whether it may come at all, and what if it fails."""

from __future__ import annotations

import json
import logging
import re
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leadagent_prefect.api.problems import answer, unforeseen

_access = logging.getLogger("leadagent.api.access")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d+)?", re.IGNORECASE)


class Frame:
    """The outermost layer. ``keyless`` says whether anybody may ask: then a page of another site must not.

    ``seen`` is told method, route, status and seconds of every request.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        keyless: Callable[[], bool],
        hosts: frozenset[str],
        seen: Callable[[str, str, int, float], None],
    ) -> None:
        self._app, self._keyless, self._seen = app, keyless, seen
        self._hosts = _LOOPBACK | hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["request_id"] = uuid.uuid4().hex[:16]
        began, status = time.perf_counter(), 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = scope["request_id"]
                headers["X-Content-Type-Options"] = "nosniff"
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            await self._handle(scope, receive, sending, lambda: bool(status))
        finally:
            self._log(scope, status, time.perf_counter() - began)

    async def _handle(
        self, scope: Scope, receive: Receive, send: Send, has_begun: Callable[[], bool]
    ) -> None:
        request = Request(scope)
        refusal = self._refusal(Headers(scope=scope)) if self._keyless() else None
        if refusal is not None:
            await answer(request, 403, refusal)(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            if has_begun():
                raise
            await unforeseen(request, error)(scope, receive, send)

    def _refusal(self, headers: Headers) -> str | None:
        """A page may have its own name lead here, and browsers send what it asks for."""
        if _host(headers.get("host", "")) not in self._hosts:
            return "the Host header names another machine; allowed_hosts lists more names"
        origin = headers.get("origin")
        if origin is not None and _netloc(origin) != headers.get("host", "").lower():
            return "the request comes from a page of another origin"
        return None

    def _log(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path_format", "")
        self._seen(scope["method"], route, status, seconds)
        facts: dict[str, Any] = {
            "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            "request_id": scope["request_id"],
            "peer": scope["client"][0] if scope.get("client") else None,
            "owner": scope.get("owner"),
            "method": scope["method"],
            "path": scope["path"][:500],
            "status": status,
            "ms": round(seconds * 1000, 1),
        }
        _access.info(json.dumps(facts))


def _host(header: str) -> str:
    match = _HOST.fullmatch(header)
    return match[1].strip("[]").lower() if match else ""


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:  # "http://[" is no URL
        return ""
