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
    """``script`` holds what each attempt of a call ends in: "ok" or an error class; the last one repeats.

    ``when`` is None, ``("input", truth)``, ``("status", task, status)``, ``("result", task)`` (true where the
    result is) or ``("broken",)``, which can't be evaluated. ``value`` is None for one made of ``reads``.
    ``undo`` is the script of the call that undoes it, in at most two attempts.
    """

    name: str
    reads: list[str]  # tasks whose results it is given
    after: list[str]  # tasks that depends_on names
    script: list[str]
    duration: int
    attempts: int
    tolerate: bool
    kind: str = "call"  # or value, wait, fail, finish
    value: Any = None
    rule: str = "all_success"
    when: tuple[Any, ...] | None = None
    undo: list[str] | None = None

    @property
    def needs(self) -> list[str]:
        """All that it waits for."""
        asked = [str(self.when[1])] if self.when and self.when[0] in ("status", "result") else []
        return [*self.reads, *self.after, *asked]

    @property
    def judged(self) -> list[str]:
        """Those its rule is about."""
        return self.after if self.after and self.rule != "all_success" else self.needs

    def ends_in(self, attempt: int) -> str:
        if self.when == ("broken",):
            return "template"
        if self.kind != "call":
            return "internal" if self.kind == "fail" else "ok"
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
    """Simulates a workflow; ``moments`` is the list of (attempts under way, the one that ends next)."""

    workflow: RefWorkflow
    status: dict[str, str] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    caused: set[str] = field(default_factory=set)  # failed and not tolerated, or skipped because of that
    moments: list[tuple[set[tuple[str, int]], tuple[str, int]]] = field(default_factory=list)
    completed: list[RefTask] = field(default_factory=list)  # in the order in which they did
    compensated: list[tuple[str, str]] = field(default_factory=list)  # name and status
    stopped: bool = False
    finished: bool = False

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
                    self.status[other] = "cancelled"
                    if tasks[other].kind == "call" and tasks[other].when != ("broken",):
                        self.attempts[other] = number
                under_way.clear()
        for name in tasks:
            self.status.setdefault(name, "skipped")
        if self.final != "completed":
            self._undo()
        return self

    def _undo(self) -> None:
        for task in self.workflow.tasks:
            if task.undo and self.status[task.name] == "cancelled" and task.name in self.attempts:
                self.compensated.append((task.name, "unknown"))
        for task in reversed(self.completed):
            if task.undo:
                again = task.undo[0] in RETRIED
                for attempt in range(1, 2 + again):
                    key = (f"undo:{task.name}", attempt)
                    self.moments.append(({key}, key))
                end = task.undo[min(1 + again, len(task.undo)) - 1]
                self.compensated.append((task.name, "completed" if end == "ok" else "failed"))

    def _start(
        self, tasks: dict[str, RefTask], under_way: list[Any], width: int, clock: int, order: dict[str, int]
    ) -> None:
        while not self.stopped and not self.finished and len(under_way) < width:
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
            judged = [tasks[n] for n in task.judged]
            if not self._rule_is_met(task.rule, judged):
                self.status[task.name] = "skipped"
                if any(n in self.caused for n in task.judged):
                    self.caused.add(task.name)
            elif not self._condition_holds(task.when):
                self.status[task.name] = "skipped"
            else:
                heapq.heappush(under_way, (clock + task.duration, order[task.name], task.name, 1))

    def _rule_is_met(self, rule: str, judged: list[RefTask]) -> bool:
        completed = [task for task in judged if self.status[task.name] == "completed"]
        tolerated = [task for task in judged if self.status[task.name] == "failed" and task.tolerate]
        failed = [task for task in judged if task.name in self.caused]
        return {
            "all_success": len(completed) + len(tolerated) == len(judged),
            "none_failed": not failed,
            "all_done": True,
            "one_success": bool(completed),
            "one_failed": bool(failed or tolerated),
        }[rule]

    def _condition_holds(self, when: tuple[Any, ...] | None) -> bool:
        """One that can't be evaluated lets the task start, which then fails."""
        if when is None or when == ("broken",):
            return True
        if when[0] == "input":
            return bool(when[1])
        if when[0] == "status":
            return bool(self.status[when[1]] == when[2])
        return bool(self.results.get(when[1]))

    def _end(self, task: RefTask, status: str) -> None:
        self.status[task.name] = status
        if status == "completed":
            self.results[task.name] = self._result(task)
            self.completed.append(task)
            self.finished = self.finished or task.kind == "finish"
            return
        if not task.tolerate:
            self.caused.add(task.name)
            ends = task.kind == "fail" or self.workflow.strategy == "stop_on_first_failure"
            self.stopped = ends and not self.finished

    def _result(self, task: RefTask) -> Any:
        if task.kind == "wait":
            return None
        if task.kind == "finish":
            return f"{task.name} is enough"
        if task.value is not None:
            return task.value
        return {"name": task.name, "from": {n: self.results.get(n) for n in task.reads}}

    @property
    def final(self) -> str:
        failed = [t for t in self.workflow.tasks if self.status[t.name] == "failed" and not t.tolerate]
        if self.finished or not failed:
            return "completed"
        if any(task.kind == "fail" for task in failed):
            return "failed"
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
