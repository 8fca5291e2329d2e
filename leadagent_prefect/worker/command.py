"""The worker as a command: checks the work pool, works until it is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound

from leadagent_prefect.embedded import PrefectApi
from leadagent_prefect.errors import ConfigurationError, PrefectUnavailable
from leadagent_prefect.worker.prefect_worker import LeadAgentWorker


def work(
    api: PrefectApi,
    *,
    pool: str,
    queues: list[str],
    name: str | None,
    limit: int | None,
    drain: float | None,
    say: Callable[[str], None],
) -> None:
    """Returns after SIGTERM or SIGINT, once no run is left.

    Raises `ConfigurationError` for a work pool of another type, `PrefectUnavailable` where the API can't
    be reached, or is away for so long that Prefect's worker gives up.
    """

    async def check_and_work() -> None:
        try:
            await _check(pool)
            worker = LeadAgentWorker(
                work_pool_name=pool, work_queues=queues, name=name, limit=limit, drain=drain
            )
            await worker.start(printer=say)
        except (httpx.HTTPError, RuntimeError) as error:
            message = f"the Prefect API at {api.url} does not answer as it should: {error}"
            raise PrefectUnavailable(message) from error

    say(f"Working for the work pool {pool!r} of {api.ui_url}")
    asyncio.run(check_and_work())


async def _check(pool: str) -> None:
    async with get_client() as client:
        try:
            found = await client.read_work_pool(pool)
        except ObjectNotFound:
            return  # the worker makes it
    if found.type != LeadAgentWorker.type:
        raise ConfigurationError(
            f"the work pool {pool!r} is of type {found.type!r}, and this worker works for pools of type "
            f"{LeadAgentWorker.type!r}: choose another one with --pool"
        )
