"""Asking a Prefect API from code without an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx
from prefect.client.orchestration import PrefectClient, get_client

from leadagent_prefect.embedded import PrefectApi, use_api
from leadagent_prefect.errors import PrefectUnavailable

Answer = TypeVar("Answer")


def ask(api: PrefectApi, work: Callable[[PrefectClient], Awaitable[Answer]]) -> Answer:
    """What ``work`` gives; `PrefectUnavailable` where the API does not answer as it should."""

    async def asking() -> Answer:
        async with get_client() as client:
            return await work(client)

    try:
        with use_api(api):
            return asyncio.run(asking())
    except httpx.HTTPError as error:
        message = f"the Prefect API at {api.url} does not answer as it should: {type(error).__name__} {error}"
        raise PrefectUnavailable(message) from error
