"""The scheduler: a step starts the moment its own dependencies have ended, first in the file first."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from leadagent_prefect.engine.outcome import Outcome, ends_the_run
from leadagent_prefect.engine.process.stop import Stop
from leadagent_prefect.engine.run import Run
from leadagent_prefect.engine.slots import Turn
from leadagent_prefect.engine.steps.call import StepCall
from leadagent_prefect.engine.steps.maps import Map, open_map
from leadagent_prefect.engine.steps.rounds import run_rounds
from leadagent_prefect.engine.steps.rules import skip_for
from leadagent_prefect.engine.steps.task import run_step
from leadagent_prefect.errors import TemplateError
from leadagent_prefect.plan import Step


@dataclass(frozen=True)
class _Running:
    """A task run that goes on: a step's, or at its place an item's of a map."""

    call: StepCall
    place: int = 0
    map: Map | None = None
    has_slot: bool = False

    @property
    def order(self) -> tuple[int, int]:
        return self.call.step.index, self.place


class Scheduler:
    """Runs all steps of a run; afterwards every step has an outcome."""

    def __init__(self, run: Run) -> None:
        self._run, self._plan = run, run.plan
        self._turn = Turn(run.slots)
        self._waiting = {step.name: len(step.upstreams) for step in self._plan.steps}
        self._ready = [step.index for step in self._plan.steps if not step.upstreams]
        self._running: dict[asyncio.Task[Outcome], _Running] = {}
        #: A step with nothing to do, while Prefect takes note of it: what it sets free may come first.
        self._passing: asyncio.Task[Outcome] | None = None
        self._maps: dict[int, Map] = {}
        self._ended: dict[str, Sequence[StepCall]] = {}
        timeout = self._plan.workflow.global_timeout
        self._deadline = None if timeout is None else asyncio.get_running_loop().time() + timeout

    async def execute(self) -> None:
        """To the end of every step. Never raises for what a step does."""
        try:
            while self._ready or self._running or self._maps:
                self._watch_the_clock()
                self._start_what_may()
                self._close_maps()
                if not self._running and not self._turn.waiting:
                    break
                await self._wait()
                self._collect()
        finally:
            await self._end_all()
        await self._skip_the_rest()

    def _start_what_may(self) -> None:
        """Of what may start the first in the file, a map with its items; and so on while there is room."""
        while (index := self._next()) is not None:
            if self._plan.steps[index].body is None and not self._turn.come():
                return
            if index in self._maps:
                call, place = self._maps[index].next()
                self._start(_Running(call, place, self._maps[index]))
            else:
                self._open(self._plan.steps[heapq.heappop(self._ready)])
        self._turn.pass_on()

    def _next(self) -> int | None:
        """The step that is to start now, or whose next item is."""
        if self._passing is not None:
            return None
        maps = [index for index, one in self._maps.items() if one.may_start]
        if not self._plan.workflow.parallel_execution:
            if self._maps or self._running:  # one task at a time: at most a map's next item
                return min(maps, default=None)
        elif len(self._running) >= self._plan.width:
            return None
        steps = self._ready[:1] if self._run.stop is None else []
        return min(maps + steps, default=None)

    def _open(self, step: Step) -> None:
        """Starts a step, or a map, whose items are started then."""
        call = StepCall(self._run, step, skip_for(step, self._run.outcomes))
        if step.loop is None or call.outcome is not None or call.problem is not None:
            self._start(_Running(call))
            return
        try:
            found = open_map(self._run, step)
        except TemplateError as error:
            call.problem = error
            self._start(_Running(call))
            return
        if not found.size:
            call.outcome = found.outcome()
            self._start(_Running(call))
            return
        self._run.report.task_started(call.task_name, None, call.started_at)
        self._maps[step.index] = found

    def _start(self, running: _Running) -> None:
        call = running.call
        upstreams = self._upstreams(call.step, 1 if running.map is not None else None)
        if call.step.body is None and call.outcome is None:
            self._turn.take()
            running = replace(running, has_slot=True)
        repeats = call.step.task.repeat is not None and call.outcome is None
        work = run_rounds(call, upstreams) if repeats else run_step(call, upstreams)
        task = asyncio.ensure_future(work)
        self._running[task] = running
        if call.outcome is not None:
            self._passing = task

    def _upstreams(self, step: Step, most: int | None = None) -> list[StepCall]:
        """Those that arrows come from; ``most`` of each, since items times items would be too many."""
        return [call for name in step.upstreams for call in self._ended.get(name, ())[:most]]

    async def _wait(self) -> None:
        """Until a step ends, the run is stopped, or its time is over."""
        token = self._run.control.token
        self._end_back_offs()
        if token.stop is not None:
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
            return
        left = None if self._deadline is None else self._deadline - asyncio.get_running_loop().time()
        any_of: set[asyncio.Future[Any]] = {*self._running, *self._turn.waiting, token.future}
        await asyncio.wait(any_of, timeout=left, return_when=asyncio.FIRST_COMPLETED)

    def _watch_the_clock(self) -> None:
        """Stops the run once its time is over, steps that end all the time or not."""
        if self._deadline is not None and asyncio.get_running_loop().time() >= self._deadline:
            timeout = self._plan.workflow.global_timeout
            stop = Stop("timeout", f"the run took longer than its global_timeout of {timeout:g} s")
            self._run.control.token.set(stop)

    def _end_back_offs(self) -> None:
        """A wait between attempts can only be ended from outside."""
        for task, running in self._running.items():
            if running.call.is_backing_off and running.call.token.stop is not None:
                task.cancel()

    def _collect(self) -> None:
        """Takes in what has ended, in file order, so that the same run tells the same story."""
        done = sorted((task for task in self._running if task.done()), key=lambda t: self._running[t].order)
        for task in done:
            running = self._running.pop(task)
            self._passing = None if task is self._passing else self._passing
            if running.has_slot:
                self._run.slots.give_back()
            self._finish_with(running.call, task.result())
            if running.call.step.undo is not None:
                self._run.undoable.append(running.call.latest)
            if running.map is not None:
                running.map.take(running.place, task.result())
            else:
                self._ended[running.call.step.name] = [running.call]
                self._settle(running.call.step, task.result())
        self._close_maps()

    def _close_maps(self) -> None:
        for index, one in list(self._maps.items()):
            if one.has_ended:
                del self._maps[index]
                self._ended[one.step.name] = one.drawn
                self._settle(one.step, one.outcome())

    def _settle(self, step: Step, outcome: Outcome) -> None:
        self._run.outcomes[step.name] = outcome
        self._run.report.task_ended(self._run.name_of(step), outcome)
        self._follow_from(step, outcome)
        for name in self._plan.dependents[step.name]:
            self._waiting[name] -= 1
            if not self._waiting[name]:
                heapq.heappush(self._ready, self._plan.by_name[name].index)

    def _finish_with(self, call: StepCall, outcome: Outcome) -> None:
        """The first ``finish`` that completes is the run's end: of a map that of an item, if it has one."""
        has_run = call.step.loop is None or call.item is not None
        has_run = has_run and not self._run.generations.is_replayed
        if call.step.kind == "finish" and has_run and outcome.status == "completed":
            self._run.finish = self._run.finish or Stop("finished", f"finished: {outcome.result}")

    def _follow_from(self, step: Step, outcome: Outcome) -> None:
        """What the end of a step means for the whole run. What is replayed has meant it before."""
        if self._run.generations.is_replayed:
            return
        if step.kind == "fail" and outcome.status == "failed" and self._run.finish is None:
            self._run.control.token.set(Stop("failed", f'task "{step.name}" says: {outcome.error}'))
        elif ends_the_run(self._plan, outcome) and self._run.finish is None:
            self._run.control.token.set(Stop("failed", f'the run stopped because task "{step.name}" failed'))

    async def _skip_the_rest(self) -> None:
        """What never started is skipped. A cancelled run sends no more task runs to Prefect for it."""
        stop = self._run.stop
        for step in self._plan.steps:
            if step.name in self._run.outcomes or stop is None:
                continue
            from_failure = stop.kind in ("failed", "timeout")
            skip = Outcome("skipped", error=stop.reason, from_failure=from_failure)
            call = StepCall(self._run, step, skip)
            if stop.kind != "cancelled":
                await run_step(call, self._upstreams(step))
            self._ended[step.name] = [call]
            self._run.outcomes[step.name] = skip
            self._run.report.task_ended(call.task_name, skip)

    async def _end_all(self) -> None:
        """Only where the scheduler itself is torn down: no step outlives its run."""
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)
        for running in self._running.values():
            if running.has_slot:
                self._run.slots.give_back()
        self._turn.pass_on()
