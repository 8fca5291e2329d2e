"""``max_concurrency``: how many calls a service gets at a time, from all processes of a Prefect API.

A slot is one of a global concurrency limit of Prefect, held by a lease: the server takes back that of a
process which was killed, a minute and a quarter later at the most.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, defaultdict
from contextlib import suppress
from functools import partial
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.exceptions import PrefectHTTPStatusError

from leadagent_prefect.engine.shared.board import Board
from leadagent_prefect.resilience.service import Service

_log = logging.getLogger(__name__)

KIND = "leadagent-calls-"
_LEASE_SECONDS = 60.0
_RENEW_SECONDS = 20.0
#: Seconds between two tries for a slot: at first, and at the longest.
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 1.0
_FULL, _GONE, _MISSING = 423, 410, 404
#: Seconds for which a process hands a lease on from call to call, before other processes have their turn.
_KEPT_SECONDS = 2.0


class Slot:
    """What one call holds: nothing yet, a lease, or, with the API away, a place in this process alone."""

    def __init__(self, service: Service, limit: int) -> None:
        self.service, self.limit = service, limit
        self.lease: str | None = None
        self.taken_at = self.renewed_at = 0.0
        self.left = self.inside = False


class Slots:
    """A process asks for one slot at a time, and for no more than the limit."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._inside: dict[tuple[str, int], asyncio.Semaphore] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self._made: set[tuple[str, int]] = set()
        self._held: set[Slot] = set()
        self._queue: Counter[str] = Counter()
        self._spare: defaultdict[str, list[tuple[str, float]]] = defaultdict(list)
        board.chores.append(self._renew)

    async def enter(self, slot: Slot) -> None:
        """Returns when the slot is taken. Whatever comes of it, `leave` follows."""
        name = KIND + slot.service.name
        self._queue[name] += 1
        try:
            await self._semaphore(slot).acquire()
            slot.inside = True
            async with self._turns.setdefault(name, asyncio.Lock()):
                await self._queued(slot, name)
        finally:
            self._queue[name] -= 1
            while self._spare[name] and not self._queue[name]:
                self._board.aside(self._give_back(self._spare[name].pop()[0]))

    async def _queued(self, slot: Slot, name: str) -> None:
        seconds = _FIRST_WAIT
        while not self._board.away:
            if self._spare[name]:
                slot.lease, slot.taken_at = self._spare[name].pop()
                self._held.add(slot)
                return
            # Not broken off: what was granted would be lost.
            if await asyncio.shield(asyncio.ensure_future(self._take(slot, name))):
                return
            await asyncio.sleep(seconds)
            seconds = min(seconds * 1.5, _LONGEST_WAIT)

    async def leave(self, slot: Slot) -> None:
        """Gives back what the slot holds."""
        slot.left = True
        if slot.inside:
            slot.inside = False
            self._semaphore(slot).release()
        self._held.discard(slot)
        if slot.lease is not None:
            lease, slot.lease = slot.lease, None
            name = KIND + slot.service.name
            if self._queue[name] and time.monotonic() - slot.taken_at < _KEPT_SECONDS:
                self._spare[name].append((lease, slot.taken_at))
            else:
                self._board.aside(self._give_back(lease))

    def _semaphore(self, slot: Slot) -> asyncio.Semaphore:
        key = (slot.service.name, slot.limit)
        return self._inside.setdefault(key, asyncio.Semaphore(slot.limit))

    async def _take(self, slot: Slot, name: str) -> bool:
        try:
            await self._make(name, slot.limit)
            slot.lease = await self._board.request(lambda client: _increment(client, name))
        except Exception:  # noqa: BLE001  # the API is away, which is said: the process's own count holds
            return True
        if slot.lease is None:
            return False
        slot.taken_at = slot.renewed_at = time.monotonic()
        if slot.left:
            await self.leave(slot)
        else:
            self._held.add(slot)
        return True

    async def _make(self, name: str, limit: int) -> None:
        if (name, limit) not in self._made:
            await self._board.request(lambda client: _ensure(client, name, limit))
            self._made.add((name, limit))

    async def _give_back(self, lease: str) -> None:
        body = {"lease_id": lease}
        path: Any = "/v2/concurrency_limits/decrement-with-lease"
        await self._board.request(lambda client: client.request("POST", path, json=body))

    async def _renew(self) -> None:
        for slot in list(self._held):
            if time.monotonic() - slot.renewed_at > _RENEW_SECONDS and slot.lease is not None:
                slot.renewed_at = time.monotonic()
                with suppress(Exception):  # the API is away, which is said; the next turn tries again
                    if not await self._board.request(partial(_prolong, slot.lease)):
                        _log.warning("a slot of %s was taken back while its call goes on", slot.service.label)
                        self._held.discard(slot)


async def _ensure(client: PrefectClient, name: str, limit: int) -> None:
    """The limit is there. The lowest of those that ask for it at a time holds; it is raised while unused."""
    path: Any = f"/v2/concurrency_limits/{name}"
    try:
        found = (await client.request("GET", path)).json()
    except PrefectHTTPStatusError as error:
        if error.response.status_code != _MISSING:
            raise
        root: Any = "/v2/concurrency_limits/"
        with suppress(PrefectHTTPStatusError):  # another process has made it in this moment
            await client.request("POST", root, json={"name": name, "limit": limit})
        return
    if limit < found["limit"] or (limit > found["limit"] and not found["active_slots"]):
        await client.request("PATCH", path, json={"limit": limit})


async def _increment(client: PrefectClient, name: str) -> str | None:
    """The id of a lease, or None where all slots are taken."""
    body = {"names": [name], "slots": 1, "mode": "concurrency", "lease_duration": _LEASE_SECONDS}
    path: Any = "/v2/concurrency_limits/increment-with-lease"
    try:
        answer = await client.request("POST", path, json=body)
    except PrefectHTTPStatusError as error:
        if error.response.status_code != _FULL:
            raise
        return None
    return str(answer.json()["lease_id"])


async def _prolong(lease: str, client: PrefectClient) -> bool:
    path: Any = f"/v2/concurrency_limits/leases/{lease}/renew"
    try:
        await client.request("POST", path, json={"lease_duration": _LEASE_SECONDS})
    except PrefectHTTPStatusError as error:
        if error.response.status_code != _GONE:
            raise
        return False
    return True
