"""The saga: what a run that failed or was cancelled has done is undone, newest completion first.

What is undone is kept as Prefect keeps results, under a key that belongs to the completion alone: whoever
executes the same flow run again finds it there, and nothing is undone twice.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any, Literal

from leadagent_prefect.engine.control import RunControl
from leadagent_prefect.engine.outcome import Outcome
from leadagent_prefect.engine.process.stop import Stop, StopToken
from leadagent_prefect.engine.run import Run
from leadagent_prefect.engine.steps.cache import forget
from leadagent_prefect.engine.steps.call import StepCall, of_generation
from leadagent_prefect.engine.steps.task import run_step
from leadagent_prefect.errors import AgentError
from leadagent_prefect.results import Compensation
from leadagent_prefect.templates import render

_Status = Literal["completed", "failed", "unknown"]

_INSISTED = Stop("cancelled", "the run was cancelled once more")


class UndoCall(StepCall):
    """The task run that undoes a completed step, or item of a map: ``undo:NAME``, ``undo:NAME[KEY]``. ``by``
    is the run that undoes, which may be one around that of ``done``.
    """

    undoes = True

    def __init__(self, done: StepCall, token: StopToken, by: Run) -> None:
        assert done.step.undo is not None  # it can be undone
        self._done, self._way = done, by.way_to(done.run)
        super().__init__(done.run, done.step.undo, item=done.item, token=token)
        self.has_arrows = False  # nothing comes after it

    def _render(self, scope: Mapping[str, Any]) -> None:
        self.parameters = render(self.step.payload, scope)

    @property
    def key(self) -> str:
        return undo_key(self._done)

    @property
    def path(self) -> Sequence[Any]:
        """It belongs to what it undoes."""
        return (*self._done.path, self._done.levels, self._done.generations)

    @property
    def levels(self) -> tuple[str, ...]:
        return ("undo",)

    @property
    def name(self) -> str:
        return f"undo:{self._way}{super().name}"

    @property
    def names(self) -> Mapping[str, Any]:
        return {**self._done.names, "result": _ended(self._done).result}

    @property
    def idempotency_key(self) -> str:
        return of_generation(_digest("undo", self._done), self.generations)[:32]

    def tell_started(self) -> None:
        self.run.report.compensation_started(self.task_name, self.item_key, self.started_at)

    def tell_retrying(self, delay: float, error: AgentError) -> None:
        name = f"undo:{self.task_name}"
        self.run.report.task_retrying(name, self.item_key, self.attempts, delay, error)


def undo_key(done: StepCall) -> str:
    """Where the result of undoing ``done`` is kept. It depends on no parameter of the undoing: what is undone
    stays so, whatever its templates would give the next time. A step that is done once more has another one.
    """
    return _digest("undone", done)


def _digest(what: str, done: StepCall) -> str:
    # What was done, and as which call: a step that is called again after an undo is another one.
    return hashlib.sha256(f"{what}/{done.key}/{done.idempotency_key}".encode()).hexdigest()


async def undo(run: Run, *, by: Run | None = None) -> None:
    """Undoes all that has completed, one after the other, and adds what came of each to ``compensated``.
    Never raises for what one does. ``by`` is the run that does it, where that is not the run itself.

    A run that is cancelled, before or meanwhile, has a limited time for it, and none once it is cancelled
    again: ``run.is_undone`` says whether it came to an end.
    """
    by = by or run
    calls = due(run)
    if not calls:
        return
    try:
        async with at_the_end(run) as token:
            for call in calls:
                await _undo(call, token, by)
            run.is_undone = token.stop is None
    finally:
        for pool in {call.run.pool for call in calls} - {by.pool}:
            await pool.close()  # its own run has ended, and it was opened once more


@asynccontextmanager
async def at_the_end(run: Run) -> AsyncIterator[StopToken]:
    """The token of what still runs when all steps have ended. A run that is cancelled, before or meanwhile,
    has ``undo_seconds`` for all of that, from when it was cancelled.
    """
    control = run.control
    token = control.token.afterwards()
    if (over := _over(control)) is not None:
        token.set(over)
    limit = asyncio.ensure_future(_limit(control, token))
    control.undoing.append(run.run_id)
    control.on_undoing()
    try:
        yield token
    finally:
        control.undoing.remove(run.run_id)
        limit.cancel()


def due(run: Run) -> list[StepCall]:
    """The calls that were cut short, in file order, and then those that completed, newest first. Not a map as
    a whole: its items were called.
    """
    alone = [call for call in run.undoable if call.step.loop is None or call.item is not None]
    cut = [call for call in alone if call.step.kind == "call" and _ended(call).status == "cancelled"]
    # What another run has done, and this one has but reused, is not this one's to undo.
    completed = [c for c in alone if _ended(c).status == "completed" and not _ended(c).cached]
    return [
        *sorted((call for call in cut if call.attempts), key=_place),
        *sorted(completed, key=_ended_at, reverse=True),
    ]


def _ended(call: StepCall) -> Outcome:
    assert call.outcome is not None  # it has ended
    return call.outcome


def _place(call: StepCall) -> tuple[int, ...]:
    """Where it stands in the file, within what is around it."""
    around = _place(call.run.around) if call.run.around is not None else ()
    return (*around, call.step.index, call.names.get("index", 0))


def _ended_at(call: StepCall) -> datetime:
    ended_at = _ended(call).ended_at
    assert ended_at is not None  # it has run
    return ended_at


def _over(control: RunControl) -> Stop | None:
    """Why nothing is undone or cleaned up any more, if so."""
    if control.token.insisted.is_set():
        return _INSISTED
    if control.token.asked.is_set() and _left(control) <= 0:
        return Stop(
            "cancelled", f"a cancelled run has at most {control.undo_seconds:g} s to undo and clean up"
        )
    return None


def _left(control: RunControl) -> float:
    """Seconds from now. They count from when it was cancelled: all its bodies undo within the same time."""
    return control.token.asked_at + control.undo_seconds - asyncio.get_running_loop().time()


async def _limit(control: RunControl, token: StopToken) -> None:
    await control.token.asked.wait()
    while (over := _over(control)) is None:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(control.token.insisted.wait(), _left(control))
    token.set(over)


async def _undo(done: StepCall, token: StopToken, by: Run) -> None:
    status, error = await _came_of(done, token, by)
    run: Run | None = by
    while run is not None:  # told in every flow run that it is a part of, by the name that it has there
        name = f"{run.way_to(done.run)}{done.task_name}"
        run.compensated.append(Compensation(task=name, key=done.item_key, status=status, error=error))
        around = run.flow.around
        run = around.run if around is not None else None


async def _came_of(done: StepCall, token: StopToken, by: Run) -> tuple[_Status, str | None]:
    end = _ended(done)
    if end.status == "cancelled":
        return "unknown", f"its call was cut short, and may be in effect: {end.error}"
    if token.stop is not None:
        return "failed", f"not undone: {token.stop.reason}"
    await _forget(done)
    outcome = await _run(UndoCall(done, token, by), done, by)
    done.run.report.compensation_finished(done.task_name, done.item_key, outcome)
    if outcome.status == "cancelled":
        return "unknown", f"undoing it was cut short, and may be in effect: {outcome.error}"
    if outcome.status == "completed":
        await done.run.generations.close(done)
    return "completed" if outcome.status == "completed" else "failed", outcome.error


async def _forget(done: StepCall) -> None:
    """Nothing is reused by others that this is a part of."""
    call: StepCall | None = done
    while call is not None:
        if call.outcome is not None and call.outcome.kept_at is not None:
            await forget(call.outcome.kept_at)
        call = call.run.around


async def _run(call: UndoCall, done: StepCall, by: Run) -> Outcome:
    slot = by.slots.ask()
    first: set[asyncio.Future[Any]] = {slot, call.token.future}
    await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
    running = asyncio.ensure_future(run_step(call, [done]))
    try:
        either: set[asyncio.Future[Any]] = {running, call.token.future}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if call.backing_off:  # a wait between attempts can only be ended from outside
            running.cancel()
        return await running
    finally:
        running.cancel()  # where the run itself is torn down
        by.slots.withdraw(slot)
