"""Requests that a worker of Prefect makes, or its runs, and that tell nobody anything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.exceptions import PrefectHTTPStatusError

from leadagent_prefect.worker.runs import Runs


def sparing(update: Callable[..., Awaitable[Any]], runs: Runs) -> Callable[..., Awaitable[Any]]:
    """``update_flow_run`` of a client, but for the process id of a run whose process has ended already."""

    async def update_flow_run(flow_run_id: UUID, **more: Any) -> Any:
        if more.keys() == {"infrastructure_pid"} and str(flow_run_id) not in runs.ids:
            return None
        return await update(flow_run_id, **more)

    return update_flow_run


async def default_storage(client: PrefectClient) -> str | None:
    """`Job.default_storage`."""
    try:
        found = (await client.read_server_default_result_storage()).default_result_storage_block_id
    except (PrefectHTTPStatusError, httpx.HTTPError):
        return None
    return str(found) if found is not None else ""
