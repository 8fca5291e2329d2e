"""The scheduler: a step starts the moment its own dependencies have ended, first in the file first."""

from __future__ import annotations

import asyncio
import heapq
from typing import Any

from leadagent_prefect.engine.outcome import Outcome, ends_the_run
from leadagent_prefect.engine.rules import skip_for
from leadagent_prefect.engine.run import Run
from leadagent_prefect.engine.stop import Stop
from leadagent_prefect.engine.task import StepCall, run_step
from leadagent_prefect.plan import Step


class Scheduler:
    """Runs all steps of a run; afterwards every step has an outcome."""

    def __init__(self, run: Run) -> None:
        self._run, self._plan = run, run.plan
        self._waiting = {step.name: len(step.upstreams) for step in self._plan.steps}
        self._ready = [step.index for step in self._plan.steps if not step.upstreams]
        self._running: dict[asyncio.Task[Outcome], StepCall] = {}
        self._ended: dict[str, StepCall] = {}
        timeout = self._plan.workflow.global_timeout
        self._deadline = None if timeout is None else asyncio.get_running_loop().time() + timeout

    async def execute(self) -> None:
        """To the end of every step. Never raises for what a step does."""
        try:
            while self._ready or self._running:
                self._watch_the_clock()
                self._start_what_may()
                if not self._running:
                    break
                await self._wait()
                self._collect()
        finally:
            await self._end_all()
        await self._skip_the_rest()

    def _start_what_may(self) -> None:
        while self._ready and len(self._running) < self._plan.width and self._run.stop is None:
            step = self._plan.steps[heapq.heappop(self._ready)]
            call = StepCall(self._run, step, skip_for(step, self._run.outcomes))
            self._running[asyncio.ensure_future(run_step(call, self._upstreams(step)))] = call

    def _upstreams(self, step: Step) -> list[StepCall]:
        return [self._ended[name] for name in step.upstreams if name in self._ended]

    async def _wait(self) -> None:
        """Until a step ends, the run is stopped, or its time is over."""
        token = self._run.control.token
        if token.stop is not None:
            self._end_back_offs()
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
            return
        left = None if self._deadline is None else self._deadline - asyncio.get_running_loop().time()
        any_of: set[asyncio.Future[Any]] = {*self._running, token.future}
        await asyncio.wait(any_of, timeout=left, return_when=asyncio.FIRST_COMPLETED)

    def _watch_the_clock(self) -> None:
        """Stops the run once its time is over, steps that end all the time or not."""
        if self._deadline is not None and asyncio.get_running_loop().time() >= self._deadline:
            timeout = self._plan.workflow.global_timeout
            stop = Stop("timeout", f"the run took longer than its global_timeout of {timeout:g} s")
            self._run.control.token.set(stop)

    def _end_back_offs(self) -> None:
        for task, call in self._running.items():
            if call.backing_off:
                task.cancel()

    def _collect(self) -> None:
        """Takes in the steps that have ended, in file order, so that the same run tells the same story."""
        done = sorted(
            (task for task in self._running if task.done()), key=lambda t: self._running[t].step.index
        )
        for task in done:
            call = self._running.pop(task)
            self._ended[call.step.name] = call
            self._settle(call.step, task.result())

    def _settle(self, step: Step, outcome: Outcome) -> None:
        self._run.outcomes[step.name] = outcome
        self._run.report.task_ended(step.name, outcome)
        self._follow_from(step, outcome)
        for name in self._plan.dependents[step.name]:
            self._waiting[name] -= 1
            if not self._waiting[name]:
                heapq.heappush(self._ready, self._plan.by_name[name].index)

    def _follow_from(self, step: Step, outcome: Outcome) -> None:
        """What the end of a step means for the whole run."""
        if step.kind == "finish" and outcome.status == "completed":
            self._run.finish = self._run.finish or Stop("finished", f"finished: {outcome.result}")
        elif step.kind == "fail" and outcome.status == "failed" and self._run.finish is None:
            self._run.control.token.set(Stop("failed", f'task "{step.name}" says: {outcome.error}'))
        elif ends_the_run(self._plan, outcome) and self._run.finish is None:
            self._run.control.token.set(Stop("failed", f'the run stopped because task "{step.name}" failed'))

    async def _skip_the_rest(self) -> None:
        """What never started is skipped. A cancelled run sends no more task runs to Prefect for it."""
        stop = self._run.stop
        for step in self._plan.steps:
            if step.name in self._run.outcomes or stop is None:
                continue
            skip = Outcome(
                "skipped", error=stop.reason, from_failure=stop.kind not in ("cancelled", "finished")
            )
            if stop.kind != "cancelled":
                self._ended[step.name] = call = StepCall(self._run, step, skip)
                await run_step(call, self._upstreams(step))
            self._run.outcomes[step.name] = skip
            self._run.report.task_ended(step.name, skip)

    async def _end_all(self) -> None:
        """Only where the scheduler itself is torn down: no step outlives its run."""
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)
