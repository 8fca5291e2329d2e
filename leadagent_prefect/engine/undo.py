"""The saga: what a run that failed or was cancelled has done is undone, newest completion first.

What is undone is kept as Prefect keeps results, under a key that belongs to the completion alone: whoever
executes the same flow run again finds it there, and nothing is undone twice.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from leadagent_prefect.engine.cache import forget
from leadagent_prefect.engine.call import StepCall
from leadagent_prefect.engine.control import RunControl
from leadagent_prefect.engine.outcome import Outcome
from leadagent_prefect.engine.run import Run
from leadagent_prefect.engine.stop import Stop, StopToken
from leadagent_prefect.engine.task import run_step
from leadagent_prefect.errors import AgentError
from leadagent_prefect.results import Compensation
from leadagent_prefect.templates import render

_INSISTED = Stop("cancelled", "the run was cancelled once more")


class UndoCall(StepCall):
    """The task run that undoes a completed step, or item of a map: ``undo:NAME``, ``undo:NAME[KEY]``."""

    def __init__(self, done: StepCall, token: StopToken) -> None:
        assert done.step.undo is not None  # it can be undone
        self._done = done
        super().__init__(done.run, done.step.undo, item=done.item, token=token)
        self.key = undo_key(done)
        self.has_arrows = False  # nothing comes after it

    def _render(self, scope: Mapping[str, Any]) -> None:
        self.parameters = render(self.step.payload, scope)

    @property
    def name(self) -> str:
        return f"undo:{self._done.name}"

    @property
    def names(self) -> Mapping[str, Any]:
        return {**self._done.names, "result": _ended(self._done).result}

    @property
    def idempotency_key(self) -> str:
        return _digest("undo", self._done)[:32]

    def tell_started(self) -> None:
        self.run.report.compensation_started(self.step.name, self.item_key, self.started_at)

    def tell_retrying(self, delay: float, error: AgentError) -> None:
        name = f"undo:{self.step.name}"
        self.run.report.task_retrying(name, self.item_key, self.attempts, delay, error)


def undo_key(done: StepCall) -> str:
    """Where the result of undoing ``done`` is kept. It depends on no parameter of the undoing: what is undone
    stays so, whatever its templates would give the next time. A step that is done once more has another one.
    """
    return _digest("undone", done)


def _digest(what: str, done: StepCall) -> str:
    # What was done, and as which call: a step that is called again after an undo is another one.
    return hashlib.sha256(f"{what}/{done.key}/{done.idempotency_key}".encode()).hexdigest()


async def undo(run: Run) -> list[Compensation]:
    """Undoes all that has completed, one after the other; what came of each. Never raises for what one does.

    A run that is cancelled, before or meanwhile, has a limited time for it, and none once it is cancelled
    again.
    """
    calls = _due(run)
    if not calls:
        return []
    token = StopToken()
    token.bind()
    if run.control.token.insisted.is_set():
        token.set(_INSISTED)
    limit = asyncio.ensure_future(_limit(run.control, token))
    run.control.is_undoing = True
    try:
        return [await _undo(call, token) for call in calls]
    finally:
        run.control.is_undoing = False
        limit.cancel()


def _due(run: Run) -> list[StepCall]:
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


def _place(call: StepCall) -> tuple[int, int]:
    return call.step.index, call.names.get("index", 0)


def _ended_at(call: StepCall) -> datetime:
    ended_at = _ended(call).ended_at
    assert ended_at is not None  # it has run
    return ended_at


async def _limit(control: RunControl, token: StopToken) -> None:
    await control.token.asked.wait()
    try:
        await asyncio.wait_for(control.token.insisted.wait(), control.undo_seconds)
        token.set(_INSISTED)
    except asyncio.TimeoutError:
        reason = f"a cancelled run undoes for at most {control.undo_seconds:g} s"
        token.set(Stop("cancelled", reason))


async def _undo(done: StepCall, token: StopToken) -> Compensation:
    name, key, end = done.step.name, done.item_key, _ended(done)
    if end.status == "cancelled":
        error = f"its call was cut short, and may be in effect: {end.error}"
        return Compensation(task=name, key=key, status="unknown", error=error)
    if token.stop is not None:
        return Compensation(task=name, key=key, status="failed", error=f"not undone: {token.stop.reason}")
    if end.kept_at is not None:
        await forget(end.kept_at)
    outcome = await _run(UndoCall(done, token), done)
    done.run.report.compensation_finished(name, key, outcome)
    if outcome.status == "cancelled":
        error = f"undoing it was cut short, and may be in effect: {outcome.error}"
        return Compensation(task=name, key=key, status="unknown", error=error)
    status: Literal["completed", "failed"] = "completed" if outcome.status == "completed" else "failed"
    return Compensation(task=name, key=key, status=status, error=outcome.error)


async def _run(call: UndoCall, done: StepCall) -> Outcome:
    running = asyncio.ensure_future(run_step(call, [done]))
    try:
        either: set[asyncio.Future[Any]] = {running, call.token.future}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if call.backing_off:  # a wait between attempts can only be ended from outside
            running.cancel()
        return await running
    finally:
        running.cancel()  # where the run itself is torn down
