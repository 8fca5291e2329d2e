"""A run outlasts its Prefect API: one that is killed and started again changes nothing of what it comes to.

Prefect's client tries a request again for about a minute, with longer and longer waits. A server that makes
its migrations, or comes back on another machine, takes longer, and a run that has ended can't say so then.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import httpx
from prefect.client.orchestration import PrefectClient, SyncPrefectClient

_log = logging.getLogger(__name__)

#: Seconds for which a request of a run is tried again while its API is away.
AWAY_SECONDS = 180.0
_PAUSE = 0.5


def outlast(client: PrefectClient | SyncPrefectClient) -> None:
    """From now on ``client`` waits for an API that is away; `httpx.TransportError` after `AWAY_SECONDS`, and
    then at once until it answers again.
    """
    http: Any = client._client
    if "send" not in vars(http):
        http.send = _Patient(http).send


class _Patient:
    def __init__(self, http: Any) -> None:
        self._http, self._send = http, http.send
        self._away_since: float | None = None

    async def send(self, request: httpx.Request, *args: Any, **options: Any) -> httpx.Response:
        while True:
            began = time.monotonic()
            try:
                response: httpx.Response = await self._send(request, *args, **options)
            except httpx.TransportError as error:
                since = self._away_since = self._away_since or began
                if time.monotonic() - since >= AWAY_SECONDS:
                    self._http._has_connected = False  # as Prefect's client has it: it fails at once now
                    raise
                said = f"{type(error).__name__} {error}".strip()
                _log.warning("the Prefect API does not answer (%s), and is tried on: %s", said, request.url)
                await asyncio.sleep(_PAUSE)
            else:
                self._away_since = None
                return response
