"""A Prefect API in memory, as far as records and limits ask it, that can be busy or away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx
import pytest
from prefect.exceptions import PrefectHTTPStatusError

from leadagent_prefect.engine.shared.clock import SharedClock
from leadagent_prefect.engine.shared.record import Form, Record


class FakeApi:
    """Takes the requests of ``PrefectClient.request``."""

    def __init__(self) -> None:
        self.variables: dict[str, Any] = {}
        self.limits: dict[str, dict[str, int]] = {}
        self.leases: dict[str, str] = {}
        self.asked: list[str] = []
        #: What the next requests answer, before any other.
        self.next: list[int] = []

    async def request(
        self, method: str, path: str, json: Any = None, path_params: Any = None
    ) -> SimpleNamespace:
        self.asked.append(f"{method} {path}")
        await asyncio.sleep(0)
        if self.next:
            self._refuse(self.next.pop(0))
        path = path.format(**(path_params or {}))
        found = self._limits if "concurrency" in path else self._records
        answer = found(method, path, json)
        return SimpleNamespace(json=lambda: answer)

    def _refuse(self, status: int) -> None:
        request = httpx.Request("POST", "http://api")
        error = httpx.HTTPStatusError("no", request=request, response=httpx.Response(status, request=request))
        raise PrefectHTTPStatusError.from_httpx_error(error)

    def _records(self, method: str, path: str, json: Any) -> Any:
        if method == "DELETE":
            id = path.rsplit("/", maxsplit=1)[-1]
            name = next((name for name, row in self.variables.items() if row["id"] == id), None)
            return self._refuse(404) if name is None else self.variables.pop(name)
        if path.endswith("filter"):
            part = json["variables"]["name"]["like_"]
            rows = [row for name, row in self.variables.items() if part in name]
            return rows[json["offset"] : json["offset"] + json["limit"]]
        if json["name"] in self.variables:
            self._refuse(409)
        self.variables[json["name"]] = {"id": uuid4().hex, **json}
        return None

    def _limits(self, method: str, path: str, json: Any) -> Any:
        what = path.rsplit("/", maxsplit=1)[-1]
        if what == "increment-with-lease":
            limit = self.limits[json["names"][0]]
            if limit["active_slots"] >= limit["limit"]:
                self._refuse(423)
            limit["active_slots"] += 1
            self.leases[lease := uuid4().hex] = json["names"][0]
            return {"lease_id": lease}
        if what == "decrement-with-lease":
            self.limits[self.leases.pop(json["lease_id"])]["active_slots"] -= 1
        elif what == "renew":
            if path.split("/")[-2] not in self.leases:
                self._refuse(410)
        elif method == "POST":
            self.limits[json["name"]] = {"limit": json["limit"], "active_slots": 0}
        elif what not in self.limits:
            self._refuse(404)
        elif method == "PATCH":
            self.limits[what].update(json)
        return self.limits.get(what)


class FakeBoard:
    """As much of a board as slots and paces use, on the loop of the test."""

    def __init__(self) -> None:
        self.api, self.away, self.clock = FakeApi(), False, SharedClock()
        self.loop = asyncio.get_running_loop()
        self.chores: list[Callable[[], Awaitable[None]]] = []
        self.tasks: set[asyncio.Future[Any]] = set()
        self.watched: set[str] = set()
        self.told: Any = None
        self.fresh_for: list[float] = []

    async def request(self, ask: Callable[[Any], Awaitable[Any]]) -> Any:
        try:
            return await ask(self.api)
        except PrefectHTTPStatusError:
            self.away = True
            raise

    def rung(self) -> bool:
        return False

    def aside(self, work: Coroutine[Any, Any, Any]) -> None:
        self.tasks.add(asyncio.ensure_future(work))

    async def write(self, *_: Any) -> bool:
        return True

    async def refresh(self) -> None: ...

    async def fresh(self, seconds: float) -> None:
        self.fresh_for.append(seconds)

    def record(self, name: str, form: Form[Any]) -> Record[Any]:
        return Record(name, form, self, lambda _: None)


@pytest.fixture
async def board() -> FakeBoard:
    return FakeBoard()
