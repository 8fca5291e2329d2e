"""The semantics of a run, said a second time and as plainly as possible: the oracle of the random tests.

Time is virtual: an attempt that starts at ``t`` ends at ``t + duration``; ties end in file order. Nothing
here knows of Prefect, asyncio or the engine.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field
from typing import Any


@dataclass
class RefTask:
    """``script`` holds what each attempt ends in: "ok" or an error class; the last one repeats."""

    name: str
    needs: list[str]
    script: list[str]
    duration: int
    attempts: int
    tolerate: bool

    def ends_in(self, attempt: int) -> str:
        return self.script[min(attempt, len(self.script)) - 1]


@dataclass
class RefWorkflow:
    tasks: list[RefTask]
    parallel: bool
    width: int
    strategy: str
    min_success: int | str | None


RETRIED = {"timeout", "connection", "rate_limit", "server_error"}


@dataclass
class Reference:
    """Simulates a workflow; ``moments`` is the list of (calls under way, the one that ends next)."""

    workflow: RefWorkflow
    status: dict[str, str] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    caused: set[str] = field(default_factory=set)  # failed, or skipped because of a failure
    moments: list[tuple[set[tuple[str, int]], tuple[str, int]]] = field(default_factory=list)
    stopped: bool = False

    def run(self) -> Reference:
        tasks = {task.name: task for task in self.workflow.tasks}
        order = {name: index for index, name in enumerate(tasks)}
        under_way: list[tuple[int, int, str, int]] = []
        width = self.workflow.width if self.workflow.parallel else 1
        clock = 0
        while True:
            self._start(tasks, under_way, width, clock, order)
            if not under_way:
                break
            calls = {(name, attempt) for _, _, name, attempt in under_way}
            clock, index, name, attempt = heapq.heappop(under_way)
            self.moments.append((calls, (name, attempt)))
            task, end = tasks[name], tasks[name].ends_in(attempt)
            if end != "ok" and end in RETRIED and attempt < task.attempts:
                heapq.heappush(under_way, (clock + task.duration, index, name, attempt + 1))
                continue
            self.attempts[name] = attempt
            self._end(task, "completed" if end == "ok" else "failed")
            if self.stopped:
                for _, _, other, number in under_way:
                    self.status[other], self.attempts[other] = "cancelled", number
                under_way.clear()
        for name in tasks:
            self.status.setdefault(name, "skipped")
        return self

    def _start(
        self, tasks: dict[str, RefTask], under_way: list[Any], width: int, clock: int, order: dict[str, int]
    ) -> None:
        while not self.stopped and len(under_way) < width:
            running = {name for _, _, name, _ in under_way}
            ready = [
                t
                for t in tasks.values()
                if t.name not in self.status
                and t.name not in running
                and all(n in self.status for n in t.needs)
            ]
            if not ready:
                return
            task = ready[0]
            bad = [n for n in task.needs if self.status[n] != "completed" and not self._tolerated(tasks[n])]
            if bad:
                self.status[task.name] = "skipped"
                if any(n in self.caused for n in bad):
                    self.caused.add(task.name)
            else:
                heapq.heappush(under_way, (clock + task.duration, order[task.name], task.name, 1))

    def _tolerated(self, task: RefTask) -> bool:
        return task.tolerate and self.status[task.name] == "failed"

    def _end(self, task: RefTask, status: str) -> None:
        self.status[task.name] = status
        if status == "completed":
            self.results[task.name] = {
                "name": task.name,
                "from": {n: self.results.get(n) for n in task.needs},
            }
        elif not task.tolerate:
            self.caused.add(task.name)
            self.stopped = self.workflow.strategy == "stop_on_first_failure"

    @property
    def final(self) -> str:
        failed = [t for t in self.workflow.tasks if self.status[t.name] == "failed" and not t.tolerate]
        if not failed:
            return "completed"
        completed = sum(status == "completed" for status in self.status.values())
        counted = sum(status != "skipped" for status in self.status.values())
        wanted = self.workflow.min_success
        if isinstance(wanted, str):
            wanted = math.ceil(counted * int(wanted[:-1]) / 100)
        if self.workflow.strategy == "partial_completion_allowed" and completed >= (
            1 if wanted is None else wanted
        ):
            return "completed"
        return "failed"
