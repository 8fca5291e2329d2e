"""The semantics of a run, said a second time and as plainly as possible: the oracle of the random tests.

Time is virtual: an attempt that starts at ``t`` ends at ``t + duration``; ties end in file order. Nothing
here knows of Prefect, asyncio or the engine.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field, replace
from typing import Any

from reference_tasks import RETRIED, RefTask, RefWorkflow, items_of, keys_of


@dataclass(order=True)
class Attempt:
    """One that is under way; ``place`` is None but for an item of a map."""

    ends: int
    order: tuple[int, int]
    task: RefTask = field(compare=False)
    number: int = field(default=1, compare=False)
    place: int | None = field(default=None, compare=False)
    key: str | None = field(default=None, compare=False)
    item: Any = field(default=None, compare=False)
    is_broken: bool = field(default=False, compare=False)

    @property
    def call(self) -> tuple[str, int]:
        return (self.task.name if self.key is None else f"{self.task.name}[{self.key}]"), self.number

    @property
    def sent(self) -> bool:
        """Has anybody been called?"""
        return self.task.kind == "call" and not self.is_broken

    @property
    def end(self) -> str:
        return "template" if self.is_broken else self.task.ends_in(self.number, self.place)


@dataclass
class RefMap:
    """A map that has begun: of ``items`` the first ``begun`` have been started or skipped."""

    task: RefTask
    items: list[Any]
    keys: list[str]
    limit: int
    results: list[Any]
    begun: int = 0
    running: int = 0
    completed: int = 0
    failed: int = 0
    attempts: int = 0

    @property
    def has_failed(self) -> bool:
        return self.failed > self.task.may_fail(len(self.items))

    @property
    def has_ended(self) -> bool:
        return self.has_failed or (self.begun == len(self.items) and not self.running)


@dataclass
class Reference:
    """Simulates a workflow; ``moments`` is the list of (attempts under way, the one that ends next).

    ``items`` are the total, completed and failed ones of maps; ``compensated`` are name, key and status.
    """

    workflow: RefWorkflow
    status: dict[str, str] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    items: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    caused: set[str] = field(default_factory=set)  # failed and not tolerated, or skipped because of that
    moments: list[tuple[set[tuple[str, int]], tuple[str, int]]] = field(default_factory=list)
    completed: list[Attempt] = field(default_factory=list)  # in the order in which they did
    cut: list[Attempt] = field(default_factory=list)
    compensated: list[tuple[str, str | None, str]] = field(default_factory=list)
    under_way: list[Attempt] = field(default_factory=list)
    maps: dict[str, RefMap] = field(default_factory=dict)
    clock: int = 0
    stopped: bool = False
    finished: bool = False

    def run(self) -> Reference:
        self.tasks = {task.name: task for task in self.workflow.tasks}
        self.order = {name: index for index, name in enumerate(self.tasks)}
        self._start()
        while self.under_way:
            calls = {one.call for one in self.under_way}
            one = heapq.heappop(self.under_way)
            self.clock = one.ends
            self.moments.append((calls, one.call))
            if one.end in RETRIED and one.number < one.task.attempts:
                again = replace(one, number=one.number + 1, ends=self.clock + one.task.lasts(one.place))
                heapq.heappush(self.under_way, again)
                continue
            self._take(one, one.end == "ok")
            if self.stopped:
                self._cut([other.task for other in self.under_way])
            self._start()
        for name in self.tasks:
            self.status.setdefault(name, "skipped")
        if self.final != "completed":
            self._undo()
        return self

    # --- what starts ------------------------------------------------------------------------------

    def _start(self) -> None:
        """Of what may start the first in the file, a map with its items; and so on while there is room."""
        while (task := self._next()) is not None:
            if task.name in self.maps:
                self._begin_item(self.maps[task.name])
                continue
            judged = [self.tasks[name] for name in task.judged]
            if not self._rule_is_met(task.rule, judged):
                self.status[task.name] = "skipped"
                if any(name in self.caused for name in task.judged):
                    self.caused.add(task.name)
            elif not self._condition_holds(task.when):
                self.status[task.name] = "skipped"
            elif task.over is not None and task.when != ("broken",):
                self._open(task)
            else:
                self._begin(task)

    def _next(self) -> RefTask | None:
        if self.stopped:
            return None
        maps = [
            one.task for one in self.maps.values() if one.begun < len(one.items) and one.running < one.limit
        ]
        busy = {one.task.name for one in self.under_way} | self.maps.keys() | self.status.keys()
        ready = [
            task
            for task in self.workflow.tasks
            if task.name not in busy and all(name in self.status for name in task.needs)
        ]
        if not self.workflow.parallel and (self.maps or self.under_way):
            ready = []  # one task at a time: at most the next item of a map
        if self.workflow.parallel and len(self.under_way) >= self.workflow.width:
            return None
        both = maps + ([] if self.finished else ready)
        return min(both, key=lambda task: self.order[task.name], default=None)

    def _begin(self, task: RefTask, place: int | None = None, **more: Any) -> None:
        order = (self.order[task.name], place or 0)
        more = {"is_broken": task.is_broken, **more}
        one = Attempt(self.clock + task.lasts(place), order, task, place=place, **more)
        heapq.heappush(self.under_way, one)

    def _open(self, task: RefTask) -> None:
        items = items_of(task, self.results)
        keys = keys_of(task, items or [])
        if items is None or len(set(keys)) < len(keys):
            self._begin(task, is_broken=True)
            return
        widest = self.workflow.width
        usual = widest if self.workflow.parallel else 1
        limit = min(task.limit or usual, widest)
        self.maps[task.name] = RefMap(task, items, keys, limit, [None] * len(items))
        self._close(self.maps[task.name])

    def _begin_item(self, one: RefMap) -> None:
        place = one.begun
        one.begun += 1
        if one.task.skips(place):
            self._close(one)
        else:
            one.running += 1
            self._begin(one.task, place, key=one.keys[place], item=one.items[place])

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
        """One that can't be evaluated lets the task start, which then fails; an item's own is seen later."""
        if when is None or when[0] in ("broken", "broken item", "items"):
            return True
        if when[0] == "input":
            return bool(when[1])
        if when[0] == "status":
            return bool(self.status[when[1]] == when[2])
        return bool(self.results.get(when[1]))

    # --- what ends --------------------------------------------------------------------------------

    def _take(self, one: Attempt, ok: bool) -> None:
        task, result = one.task, self._result(one) if ok else None
        if ok:
            self.completed.append(one)
            self.finished = self.finished or task.kind == "finish"
        if one.place is None:
            self.attempts[task.name] = one.number
            self._end(task, "completed" if ok else "failed", result)
            return
        whole = self.maps[task.name]
        whole.running -= 1
        whole.attempts += one.number
        whole.completed += ok
        whole.failed += not ok
        whole.results[one.place] = result
        self._close(whole)

    def _close(self, one: RefMap) -> None:
        if not one.has_ended:
            return
        if one.has_failed:
            self._cut([one.task])
            self._end(one.task, "failed")
        else:
            self._end(one.task, "completed", one.results)
        self._forget(one)

    def _forget(self, one: RefMap) -> None:
        del self.maps[one.task.name]
        self.attempts[one.task.name] = one.attempts
        self.items[one.task.name] = (len(one.items), one.completed, one.failed)

    def _cut(self, tasks: list[RefTask]) -> None:
        """What runs of these tasks is cancelled."""
        names = {task.name for task in tasks}
        for one in [one for one in self.under_way if one.task.name in names]:
            self.under_way.remove(one)
            if one.sent:
                self.cut.append(one)
            if one.place is not None:
                self.maps[one.task.name].attempts += one.number * one.sent
            else:
                self.status[one.task.name] = "cancelled"
                self.attempts[one.task.name] = one.number * one.sent
        heapq.heapify(self.under_way)
        for whole in [self.maps[name] for name in names & self.maps.keys()]:
            if not whole.has_failed:
                self.status[whole.task.name] = "cancelled"
                self._forget(whole)

    def _end(self, task: RefTask, status: str, result: Any = None) -> None:
        self.status[task.name] = status
        if status == "completed":
            self.results[task.name] = result
        elif not task.tolerate:
            self.caused.add(task.name)
            ends = task.kind == "fail" or self.workflow.strategy == "stop_on_first_failure"
            self.stopped = ends and not self.finished

    def _result(self, one: Attempt) -> Any:
        task = one.task
        if task.kind == "wait":
            return None
        if task.kind == "finish":
            return f"{task.name} is enough"
        if task.value is not None:
            return task.value
        seen = {"name": task.name, "from": {name: self.results.get(name) for name in task.reads}}
        return seen if one.place is None else {**seen, "item": one.item}

    # --- what it comes to -------------------------------------------------------------------------

    def _undo(self) -> None:
        for one in sorted(self.cut, key=lambda one: one.order):
            if one.task.undo:
                self.compensated.append((one.task.name, one.key, "unknown"))
        for one in reversed(self.completed):
            if one.task.undo:
                again = one.task.undo[0] in RETRIED
                for attempt in range(1, 2 + again):
                    key = (f"undo:{one.call[0]}", attempt)
                    self.moments.append(({key}, key))
                end = one.task.undo[min(1 + again, len(one.task.undo)) - 1]
                status = "completed" if end == "ok" else "failed"
                self.compensated.append((one.task.name, one.key, status))

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
