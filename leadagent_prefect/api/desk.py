"""What every endpoint works with: the settings, the gate, Prefect, and what is counted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Depends, Request
from prefect.client.schemas.objects import FlowRun

from leadagent_prefect.api.access import Access, Caller
from leadagent_prefect.api.aside import aside
from leadagent_prefect.api.document import stored
from leadagent_prefect.api.metrics import Metrics
from leadagent_prefect.api.prefect_side import PrefectSide
from leadagent_prefect.api.problems import Problem
from leadagent_prefect.api.reading import body_of
from leadagent_prefect.api.runs import Runs
from leadagent_prefect.api.settings import Settings
from leadagent_prefect.api.stored import Stored
from leadagent_prefect.loader import Loaded

_PORTS = {"http": 80, "https": 443}
_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Desk:
    """One for each process."""

    settings: Settings
    access: Access
    prefect: PrefectSide
    metrics: Metrics

    async def checked(self, request: Request, work: Callable[[bytes, str, Settings], _Found]) -> _Found:
        """What ``work`` makes of the request's body, see `aside`."""
        body = await body_of(request, self.settings.max_body_bytes)
        return await aside(work, body, request.headers.get("content-type", ""), self.settings)

    def stored(self, loaded: Loaded, caller: Caller) -> Stored:
        """What is kept of a workflow for its run."""
        return stored(loaded, caller.owner, self.settings, self._own_addresses())

    def runs(self, caller: Caller) -> Runs:
        return Runs(self.prefect.client, caller.sees)

    async def run(self, caller: Caller, execution_id: UUID) -> FlowRun:
        """The run of that id; `Problem` 404 for another's as for one that does not exist."""
        found = await self.runs(caller).find(execution_id)
        if found is None:
            raise Problem(404, "there is no such workflow execution")
        return found

    def _own_addresses(self) -> tuple[tuple[str, int], ...]:
        """This server's and Prefect's: no workflow may speak to them, whatever networks are allowed."""
        url = urlsplit(self.prefect.api.url)
        prefect = (url.hostname or "", url.port or _PORTS.get(url.scheme, 0))
        return ((self.settings.host, self.settings.port), prefect)


def desk_of(request: Request) -> Desk:
    found: Desk = request.app.state.desk
    return found


At = Annotated[Desk, Depends(desk_of)]


def may(scope: str) -> Callable[..., Awaitable[Caller]]:
    """A dependency: who asks, provided that they may do what ``scope`` stands for."""

    async def check(request: Request, desk: At) -> Caller:
        return await desk.access.caller(request, scope)

    return check


Reader = Annotated[Caller, Depends(may("read"))]
Submitter = Annotated[Caller, Depends(may("submit"))]
Canceller = Annotated[Caller, Depends(may("cancel"))]
Admin = Annotated[Caller, Depends(may("admin"))]
