"""The key under which all processes of one Prefect API find each other's records."""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
from contextlib import suppress

import anyio
from prefect import get_client
from prefect.blocks.system import Secret
from prefect.client.orchestration import PrefectClient
from prefect.exceptions import ObjectNotFound

_log = logging.getLogger(__name__)

#: The Secret block that holds the key: encrypted at rest, and made by whoever needs it first.
BLOCK = "leadagent-cache-key"
#: Seconds that the key may take: what it is for saves time, and must not cost any.
_PATIENCE_SECONDS = 5.0


class Seal:
    """Signs texts that hold credentials. The key is read once, at the first one."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._asked = False
        self._key: bytes | None = None

    async def sign(self, text: str) -> str | None:
        """The HMAC-SHA256 of ``text`` in hex; None where the key can't be had, which is logged once."""
        async with self._lock:
            self._key = self._key if self._asked else await _key()
            self._asked = True
        return hmac.new(self._key, text.encode(), "sha256").hexdigest() if self._key else None


async def _key() -> bytes | None:
    try:
        with anyio.fail_after(_PATIENCE_SECONDS):
            async with get_client() as client:
                return await _shared(client)
    except Exception as error:  # noqa: BLE001  # whatever keeps the key from us, the run goes on without it
        _log.warning("results are neither reused nor kept: no key for them (%s)", type(error).__name__)
        return None


async def _shared(client: PrefectClient) -> bytes:
    try:
        document = await client.read_block_document_by_name(BLOCK, "secret")
    except ObjectNotFound:
        with suppress(ValueError):  # another process has made it in this moment
            await Secret(value=secrets.token_urlsafe(32)).asave(BLOCK, client=client)
        document = await client.read_block_document_by_name(BLOCK, "secret")
    return str(document.data["value"]).encode()
