"""Runs whose worker died are taken up: found, claimed by one of the workers that live, and scheduled again.

What such a run had completed answers from the store when it is executed again, see
`engine.store.generations`.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any, Final
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter, WorkPoolFilter
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import AsyncClientContext
from prefect.states import Cancelled, Crashed, Scheduled

from leadagent_prefect.engine.process.liveness import DEAD_AFTER_SECONDS, Process, is_dead, is_named
from leadagent_prefect.engine.store.replay import read_undoing
from leadagent_prefect.naming import TAG
from leadagent_prefect.worker.claims import HOLDS_SECONDS, Claims
from leadagent_prefect.worker.owner import Owner
from leadagent_prefect.worker.runs import Runs

_log = logging.getLogger(__name__)
_rng = random.Random()  # noqa: S311  # no secret depends on it

#: A run is taken up so often: one that ends its worker each time must not end them all.
MOST_TIMES: Final = 3
#: The labels that count how often a run was taken up, and say which execution of it was the last one lost.
TIMES_LABEL, LOST_LABEL = "leadagent.taken_up", "leadagent.lost_execution"

#: Seconds in which what a worker leaves behind has ended; and for a run to begin once it was taken.
_ENDED_AFTER, _BEGUN_AFTER = 1.0, 60.0
#: Seconds before the first look, at most, and between two.
_FIRST_PAUSE: Final = 4.0
_PAUSES: Final = (15.0, 20.0)
#: Seconds between two answers after which the API, or this machine, counts as having been away.
_LONGEST_PAUSE: Final = 45.0
_PAGE: Final = 200


class Contact:
    """How long a worker has heard from its API. While that is away nobody can tell it of a sign of life, so
    only what was silent while this worker was listening is silent.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since = self._last = clock()

    def heard(self) -> None:
        now = self._clock()
        if now - self._last > _LONGEST_PAUSE:
            self._since = now
        self._last = now

    @property
    def is_long(self) -> bool:
        return self._last - self._since >= DEAD_AFTER_SECONDS


class TakeOver:
    """Of the worker ``me`` for its pool; ``mine`` are the runs that it has itself."""

    def __init__(
        self,
        client: PrefectClient,
        pool: str,
        me: Owner,
        mine: Runs,
        logger: logging.Logger | logging.LoggerAdapter[logging.Logger],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._contact = Contact(clock)
        self._client, self._pool, self._me, self._mine, self._logger = client, pool, me, mine, logger
        self._claims = Claims(client, str(me))
        #: By the id of a state that goes on: whose run it is.
        self._owners: dict[UUID, Owner | None] = {}

    async def look(self) -> None:
        """One look at all runs of the pool that go on, and at what has become of this worker's own."""
        await self._drop_what_was_taken()
        runs = [run for run in await self._going_on() if str(run.id) not in self._mine.ids]
        self._contact.heard()
        states = {_state(run).id for run in runs}
        self._owners = {state: owner for state, owner in self._owners.items() if state in states}
        lost = [run for run in runs if await self._is_lost(run)]
        if not lost:
            return
        await asyncio.sleep(_ENDED_AFTER)
        for run in lost:
            await self._take(run)

    async def _drop_what_was_taken(self) -> None:
        """This machine was cut off for so long that another worker has taken up runs of this one."""
        ids = self._mine.ids
        if not ids:
            return
        wanted = FlowRunFilter.model_validate({"id": {"any_": ids}})
        for run in await self._client.read_flow_runs(flow_run_filter=wanted):
            self.drop_if_taken(run)

    def drop_if_taken(self, run: FlowRun) -> None:
        """``run`` is one of this worker's own."""
        if int(str(run.labels.get(LOST_LABEL, 0))) >= self._mine.execution(str(run.id)):
            self._mine.drop(str(run.id))

    async def _going_on(self) -> list[FlowRun]:
        wanted = {"state": {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]}}}
        found: list[FlowRun] = []
        while True:
            page = await self._client.read_flow_runs(
                flow_run_filter=FlowRunFilter.model_validate(wanted),
                work_pool_filter=WorkPoolFilter.model_validate({"name": {"any_": [self._pool]}}),
                limit=_PAGE,
                offset=len(found),
            )
            found += page
            if len(page) < _PAGE:
                return found

    async def _is_lost(self, run: FlowRun) -> bool:
        """Its worker is gone, and its process too, if it has one."""
        state = _state(run)
        owner = await self._owner(run)
        if owner is not None and owner.process.is_here:
            process = Process.of(run.labels) if is_named(run) else None
            ended = process is None or not process.is_here or not process.lives
            return not owner.process.lives and ended and (state.is_pending() or _is_workflow(run))
        if not self._contact.is_long:
            return False
        if state.is_pending():
            return owner is not None and _is_older(state, _BEGUN_AFTER) and await self._is_silent(owner)
        return _is_workflow(run) and is_dead(run)

    async def _owner(self, run: FlowRun) -> Owner | None:
        state = _state(run)
        if state.id not in self._owners:
            states = [state] if state.is_pending() else await self._client.read_flow_run_states(run.id)
            pending = [state for state in states if state.is_pending()]
            self._owners[state.id] = Owner.of(pending[-1]) if pending else None
        return self._owners[state.id]

    async def _is_silent(self, owner: Owner) -> bool:
        """On a machine that is not this one."""
        for worker in await self._client.read_workers_for_work_pool(self._pool):
            if worker.name == owner.worker and worker.last_heartbeat_time is not None:
                return _is_ago(worker.last_heartbeat_time, DEAD_AFTER_SECONDS)
        return True

    async def _take(self, run: FlowRun) -> None:
        async with self._claims.claimed(f"{run.id}-{run.run_count}") as is_mine:
            if not is_mine:
                return
            # Somebody else may have been quicker, or the run may have come back to life.
            again = await self._client.read_flow_run(run.id)
            if _state(again).id == _state(run).id and await self._is_lost(again):
                await asyncio.wait_for(self._hand_on(again), HOLDS_SECONDS / 2)

    async def _hand_on(self, run: FlowRun) -> None:
        who = self._owners.get(_state(run).id)
        gone = f"{who} is gone" if who is not None else "the process of the run is gone"
        times = int(str(run.labels.get(TIMES_LABEL, 0)))
        state: State[Any] = Scheduled(name="AwaitingRetry", message=f"Taken up again by {self._me}: {gone}.")
        if _state(run).is_cancelling() and not await _has_begun_to_undo(run):
            state = Cancelled(
                message=f"Cancelled before it had begun to undo, and nothing was undone: {gone}."
            )
        elif times >= MOST_TIMES:
            state = Crashed(message=f"Taken up {times} times, and not again: {gone}.")
        else:
            labels = {TIMES_LABEL: times + 1, LOST_LABEL: run.run_count}
            await self._client.update_flow_run_labels(run.id, dict[str, Any](labels))
        self._logger.warning("Flow run '%s': %s", run.name, state.message)
        # Prefect's rules know no other end than Cancelled for one that is cancelling.
        await self._client.set_flow_run_state(run.id, state, force=_state(run).is_cancelling())


async def keep_looking(taking_over: TakeOver, is_stopping: Callable[[], bool]) -> None:
    """Never ends: soon after the start, since the worker may follow one that died, and then at leisure."""
    pause = _rng.uniform(0.0, _FIRST_PAUSE)
    while True:
        await asyncio.sleep(pause)
        pause = _rng.uniform(*_PAUSES)
        if is_stopping():
            continue
        try:
            await taking_over.look()
        except Exception as error:  # noqa: BLE001  # an API that is away is no error: there is a next time
            _log.debug("Looking for runs that have lost their worker failed: %s", error)


async def _has_begun_to_undo(run: FlowRun) -> bool:
    async with AsyncClientContext.get_or_create():  # or Prefect makes a client that nobody closes
        undoing, _ = await read_undoing(str(run.id))
    return undoing is not None


def _is_workflow(run: FlowRun) -> bool:
    return TAG in run.tags or "leadagent.pid" in run.labels


def _state(run: FlowRun) -> State[Any]:
    assert run.state is not None  # the API gives none without
    return run.state


def _is_older(state: State[Any], seconds: float) -> bool:
    return _is_ago(state.timestamp, seconds)


def _is_ago(moment: datetime, seconds: float) -> bool:
    return datetime.now(timezone.utc) - moment > timedelta(seconds=seconds)
