"""Counts what happens on the embedded server, so that it can end when nothing does."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any

from leadagent_prefect.embedded.probe import ALIVE_PATH

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class Activity:
    """Requests and websockets that are open, and when the last one ended."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open = 0
        self._last = clock()

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1
            self.touch()

    def touch(self) -> None:
        self._last = self._clock()

    def idle_seconds(self) -> float:
        return 0.0 if self._open else self._clock() - self._last


class CountedApp:
    """An ASGI app that counts every request to ``app``, and answers `ALIVE_PATH` itself.

    GET there asks without counting; any other method counts as a request. Once ``stopping`` is true it
    is answered with 503, so that nobody who asks first is left with a server that goes away.
    """

    def __init__(
        self, app: AsgiApp, activity: Activity, instance: str, stopping: Callable[[], bool] = lambda: False
    ) -> None:
        self._app = app
        self._activity = activity
        self._instance = instance
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == ALIVE_PATH:
            await self._answer(scope, send)
        elif scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        else:
            with self._activity.busy():
                await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, send: Send) -> None:
        body = {"instance": self._instance, "idle_seconds": self._activity.idle_seconds()}
        if scope["method"] != "GET":
            self._activity.touch()
        status = 503 if self._stopping() else 200
        headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})
