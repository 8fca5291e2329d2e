"""Asking a Prefect API from code without an event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx
from anyio.from_thread import start_blocking_portal
from prefect.client.orchestration import PrefectClient, get_client

from leadagent_prefect.embedded import PrefectApi, use_api
from leadagent_prefect.errors import PrefectUnavailable

Answer = TypeVar("Answer")


def ask(api: PrefectApi, work: Callable[[PrefectClient], Awaitable[Answer]]) -> Answer:
    """What ``work`` gives, in a thread with a loop of its own, which Ctrl-C ends.

    `PrefectUnavailable` where the API does not answer as it should.
    """

    async def asking() -> Answer:
        with use_api(api):
            async with get_client() as client:
                return await work(client)

    try:
        with start_blocking_portal() as portal:
            return portal.call(asking)
    except httpx.HTTPError as error:
        said = f"{type(error).__name__} {error}"
        message = f"the Prefect API at {api.url} does not answer as it should: {said}"
        raise PrefectUnavailable(message) from error
