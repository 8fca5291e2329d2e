"""What the server asks of Prefect: runs are made, found and cancelled there, and nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import anyio
import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from leadagent_prefect.api.flow import DEPLOYMENT, ENTRYPOINT, FLOW
from leadagent_prefect.api.settings import POOL
from leadagent_prefect.api.stored import USED_EVERY, Stored, WorkflowText, keep
from leadagent_prefect.embedded import PrefectApi
from leadagent_prefect.embedded.admission import Admission
from leadagent_prefect.naming import OWNER_TAG, TAG, prefect_name
from leadagent_prefect.runs.status import WORKFLOW_LABEL
from leadagent_prefect.worker import LeadAgentWorker

#: How long equal Idempotency-Keys mean one run.
IDEMPOTENT_FOR = timedelta(hours=24)
#: Blocks that are known to be there, so that the second run of a workflow writes none.
_REMEMBERED = 1000
_READY_SECONDS = 5.0
_log = logging.getLogger("leadagent.api")


class OtherRequest(Exception):
    """The Idempotency-Key has been used for another request."""


@dataclass(frozen=True)
class Order:
    """A run that is to be made. ``inputs`` is a JSON object as text; ``total`` counts its tasks; ``tags`` are
    the workflow's own.
    """

    stored: Stored
    inputs: str
    workflow: str
    total: int
    key: str | None = None
    tags: tuple[str, ...] = ()

    @property
    def parameters(self) -> dict[str, str]:
        return {"document": self.stored.name, "inputs": self.inputs}


def owner_tag(owner: str) -> str:
    """How a run says whose it is: Prefect can look for tags."""
    return f"{OWNER_TAG}{owner}"


def unavailable(error: BaseException) -> bool:
    """Does Prefect's API not answer, or not for now?"""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in (401, 403, 408, 429) or error.response.status_code >= 500
    return isinstance(error, (httpx.TransportError, TimeoutError)) or "Failed to reach API" in str(error)


class PrefectSide:
    """One client for all requests of this process. To be used within `opened`."""

    def __init__(self, api: PrefectApi, pool: str) -> None:
        self.api, self._pool = api, pool
        self.client = PrefectClient(api.url, auth_string=api.auth_string)
        self._deployment: UUID | None = None
        self._known: dict[str, float] = {}
        self._admission = Admission(api)
        # SQLite takes one writer at a time and answers the others with 503: they wait here.
        self._writing: contextlib.AbstractAsyncContextManager[Any] = (
            asyncio.Lock() if api.embedded else contextlib.nullcontext()
        )

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[PrefectSide]:
        async with self.client:
            # A server may be started before its Prefect: what is needed there is then made at first use.
            making = asyncio.ensure_future(self.prepare())
            await asyncio.wait({making})
            if making.cancelled() or making.exception() is not None:
                _log.warning("the Prefect API does not answer yet: %s", self.api.url)
            yield self

    async def prepare(self) -> None:
        """The work pool, the deployment and the block's type, made where they are missing."""
        with contextlib.suppress(ObjectAlreadyExists):
            template = LeadAgentWorker.get_default_base_job_template()
            await self.client.create_work_pool(
                WorkPoolCreate(name=self._pool, type=LeadAgentWorker.type, base_job_template=template)
            )
        deployment = await self.client.create_deployment(
            await self.client.create_flow_from_name(FLOW),
            # A deployment has one pool: servers of another have another.
            DEPLOYMENT if self._pool == POOL else f"{DEPLOYMENT}-{prefect_name(self._pool)}",
            work_pool_name=self._pool,
            entrypoint=ENTRYPOINT,
            description="Runs the workflows that the REST API takes; its parameters are made by it.",
            enforce_parameter_schema=False,
        )
        await WorkflowText.register_type_and_schema(client=self.client)
        self._known.clear()
        self._deployment = deployment

    async def ready(self) -> bool:
        """Does Prefect answer?"""
        try:
            with anyio.fail_after(_READY_SECONDS):
                if self._deployment is None:
                    await self.prepare()
                await self.client.read_work_pool(self._pool)
        except ObjectNotFound:
            self._deployment = None
            return False
        except Exception as error:
            if not unavailable(error):
                raise
            return False
        return True

    async def submit(self, order: Order) -> FlowRun:
        """The run of an order: a new one, or the one that the same order with the same key has made.

        Raises `OtherRequest` where the key has made another one within `IDEMPOTENT_FOR`.
        """
        async with self._writing:
            self._admission.hand_in()
            if self._deployment is not None:
                with contextlib.suppress(ObjectNotFound):  # somebody has deleted the deployment
                    return await self._kept_and_created(order)
            await self.prepare()
            return await self._kept_and_created(order)

    async def _kept_and_created(self, order: Order) -> FlowRun:
        kept = self._known.get(order.stored.name)
        if kept is None or time.monotonic() - kept > USED_EVERY.total_seconds():
            await keep(self.client, order.stored)
            self._known.pop(order.stored.name, None)
            self._known[order.stored.name] = time.monotonic()
            if len(self._known) > _REMEMBERED:
                del self._known[next(iter(self._known))]
        return await self._created(order)

    async def _created(self, order: Order) -> FlowRun:
        assert self._deployment is not None  # `prepare` has found it
        key = _digest(order.stored.owner, order.key) if order.key is not None else None
        while True:
            run = await self.client.create_flow_run_from_deployment(
                self._deployment,
                parameters=order.parameters,
                name=prefect_name(order.workflow),
                tags=[TAG, owner_tag(order.stored.owner), *order.tags],
                labels={WORKFLOW_LABEL: order.workflow, "leadagent.tasks": order.total},
                idempotency_key=key,
            )
            if key is None or datetime.now(timezone.utc) - _created_at(run) < IDEMPOTENT_FOR:
                break
            # Prefect's keys are for ever: after the last run of this one comes the next.
            key = _digest(key, str(run.id))
        if run.parameters != order.parameters:
            raise OtherRequest
        return run


def _created_at(run: FlowRun) -> datetime:
    return run.created or datetime.now(timezone.utc)


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
