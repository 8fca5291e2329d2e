"""What a run that is taken up would reuse, and what it would run. Nothing is called."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from leadagent_prefect.engine.bodies import enter
from leadagent_prefect.engine.control import RunControl
from leadagent_prefect.engine.outcome import Outcome
from leadagent_prefect.engine.report import Reporter, now
from leadagent_prefect.engine.run import Run
from leadagent_prefect.engine.schedule import Scheduler
from leadagent_prefect.engine.steps.call import StepCall
from leadagent_prefect.engine.store.generations import Generations
from leadagent_prefect.engine.store.plain import PlainStore, storage
from leadagent_prefect.engine.values import prepare
from leadagent_prefect.observe.events import EventType
from leadagent_prefect.plan import Step
from leadagent_prefect.runs.resume import Resumption

What = Literal["reused", "runs", "skipped"]


@dataclass
class Surveyed:
    """Of one task: what becomes of it; ``reused`` and ``total`` count its items, of a map alone."""

    what: What
    reused: int = 0
    total: int = 0


class _Silent(Reporter):
    def _tell(self, type: EventType, name: str, **facts: Any) -> None:
        """Nothing happens, so nobody is told."""


async def survey(found: Resumption) -> dict[str, Surveyed]:
    """Of every task of the workflow, in file order.

    What comes after a task that runs may be reused too, if that gives the same again: it counts as running.
    """
    run = await _run(found)
    seen = _Survey(run, found)
    run.generations.survey = seen.look
    await Scheduler(run).execute()
    return {step.name: seen.of(step) for step in found.plan.steps}


async def _run(found: Resumption) -> Run:
    control = RunControl()
    control.token.bind()
    run_id = str(found.run.id)
    report = _Silent(lambda event: None, run_id, found.plan.name)
    run = Run(
        found.plan,
        control,
        await prepare(found.plan, found.inputs),
        report,
        run_id=run_id,
        run_name=found.record.run_name,
        started_at=now(),
        generations=Generations(run_id, is_again=True),
        enter=enter,
    )
    run.first_started_at = datetime.fromisoformat(found.record.started_at)
    return run


class _Survey:
    def __init__(self, run: Run, found: Resumption) -> None:
        self._run, self._calls = run, dict[str, list[What]]()
        self._anew = frozenset(run.plan.onwards(found.from_task) if found.from_task is not None else ())
        self._store: PlainStore | None = None

    def of(self, step: Step) -> Surveyed:
        calls = self._calls.get(step.name, ["skipped"])
        what: What = "runs" if "runs" in calls else "reused" if "reused" in calls else "skipped"
        if step.loop is None:
            return Surveyed(what)
        return Surveyed(what, sum(one == "reused" for one in calls), len(calls))

    async def look(self, call: StepCall) -> Outcome:
        """How the call would end, as far as that is known; `Generations.survey`."""
        what, outcome = await self._look(call)
        self._calls.setdefault(call.step.name, []).append(what)
        return outcome

    async def _look(self, call: StepCall) -> tuple[What, Outcome]:
        name = call.step.name
        waits = any("runs" in self._calls.get(upstream, ()) for upstream in call.step.upstreams)
        if name in self._anew or waits:
            return "runs", Outcome("skipped", from_failure=True)
        if call.outcome is not None:
            return "skipped", call.outcome
        await self._run.generations.settle(call)
        answer = await self._answer(call.key)
        if answer is None:
            return "runs", Outcome("skipped", from_failure=True)
        ended_at = datetime.fromisoformat(answer["ended_at"])
        call.outcome = Outcome(
            "completed", result=answer["result"], metadata=answer["metadata"], ended_at=ended_at
        )
        return "reused", call.outcome

    async def _answer(self, key: str | None) -> dict[str, Any] | None:
        self._store = self._store or PlainStore(result_storage=await storage())
        if key is None or not await self._store.aexists(key):
            return None
        answer: dict[str, Any] = (await self._store.aread(key)).result
        return answer
