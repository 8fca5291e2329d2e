"""``rate_limit``: the pace of the calls to a service, shared by all processes of a Prefect API.

Not Prefect's own limits with a decay: each refusal sets their clock anew, so that a slow limit which is asked
often never lets anybody through. A record says instead when the next call is due, as in `resilience.pace`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any

from leadagent_prefect.engine.shared.board import Board
from leadagent_prefect.engine.shared.record import Form
from leadagent_prefect.resilience.pace import Rate, take
from leadagent_prefect.resilience.service import Service

KIND = "leadagent-rate-"


def _due_of(data: Any) -> float:
    if not isinstance(data, Mapping) or not isinstance(data.get("due"), float):
        raise ValueError("no time")
    return float(data["due"])


_FORM = Form(0.0, lambda due: {"due": due}, _due_of)


class Paces:
    """Who waits for a call is served in order, as far as it is in this process."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._workers: dict[str, asyncio.Task[None]] = {}

    async def wait(self, service: Service, rate: Rate) -> None:
        """Returns when the next call may be made. Cancelled, it takes nobody's place."""
        waiting = self._waiting.setdefault(service.name, deque())
        mine: asyncio.Future[None] = self._board.loop.create_future()
        waiting.append(mine)
        if service.name not in self._workers:
            self._workers[service.name] = asyncio.ensure_future(self._serve(service.name, rate))
        await mine

    async def _serve(self, name: str, rate: Rate) -> None:
        record, waiting = self._board.record(KIND + name, _FORM), self._waiting[name]
        try:
            while _drop_gone(waiting):
                wanted = len(waiting)

                def decide(due: float, wanted: int = wanted) -> tuple[float, tuple[int, float]]:
                    due, count, wait = take(due, rate, wanted, self._board.clock.now())
                    return due, (count, wait)

                count, seconds = (await record.change(decide)).decision
                for _ in range(count):
                    if _drop_gone(waiting):
                        waiting[0].set_result(None)
                        del waiting[0]
                if not count:
                    await asyncio.sleep(seconds)
        finally:
            del self._workers[name]


def _drop_gone(waiting: deque[asyncio.Future[None]]) -> int:
    """How many are waiting still."""
    while waiting and waiting[0].done():
        del waiting[0]
    return len(waiting)
