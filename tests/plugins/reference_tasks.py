"""The workflows of the oracle: what a task is, and what each of its attempts comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

RETRIED = {"timeout", "connection", "rate_limit", "server_error"}


@dataclass
class RefTask:
    """``scripts`` hold what each attempt of a call ends in: "ok" or an error class; the last one repeats. A
    map takes one of them, and of ``durations``, for each item in turn; any other task the first.

    ``when`` is None, ``("input", truth)``, ``("status", task, status)``, ``("result", task)`` (true where the
    result is), ``("broken",)``, which can't be evaluated, and of a map's items ``("items", [truth, ...])`` in
    turn, or ``("broken item",)``. ``value`` is None for one made of ``reads``. ``undo`` is the script of the
    call that undoes it, in at most two attempts.

    ``over`` is what a map goes over, ``("data", value)`` or ``("result", task)``; ``keys`` are named by
    "place", "name", or "half", where two items have the same.
    """

    name: str
    reads: list[str]  # tasks whose results it is given
    after: list[str]  # tasks that depends_on names
    scripts: list[list[str]]
    durations: list[int]
    attempts: int
    tolerate: bool
    kind: str = "call"  # or value, wait, fail, finish
    value: Any = None
    rule: str = "all_success"
    when: tuple[Any, ...] | None = None
    undo: list[str] | None = None
    over: tuple[str, Any] | None = None
    keys: str = "place"
    limit: int | None = None
    tolerated: int | str | None = None

    @property
    def is_broken(self) -> bool:
        return self.when in (("broken",), ("broken item",))

    @property
    def needs(self) -> list[str]:
        """All that it waits for."""
        asked = [str(self.when[1])] if self.when and self.when[0] in ("status", "result") else []
        over = [str(self.over[1])] if self.over and self.over[0] == "result" else []
        return [*self.reads, *self.after, *asked, *over]

    @property
    def judged(self) -> list[str]:
        """Those its rule is about."""
        return self.after if self.after and self.rule != "all_success" else self.needs

    def lasts(self, place: int | None) -> int:
        return self.durations[(place or 0) % len(self.durations)]

    def skips(self, place: int) -> bool:
        return bool(self.when and self.when[0] == "items" and not self.when[1][place % len(self.when[1])])

    def may_fail(self, total: int) -> int:
        """Of how many items."""
        if isinstance(self.tolerated, str):
            return int(self.tolerated[:-1]) * total // 100
        return self.tolerated or 0

    def ends_in(self, attempt: int, place: int | None) -> str:
        if self.is_broken:
            return "template"
        if self.kind != "call":
            return "internal" if self.kind == "fail" else "ok"
        script = self.scripts[(place or 0) % len(self.scripts)]
        return script[min(attempt, len(script)) - 1]


@dataclass
class RefWorkflow:
    tasks: list[RefTask]
    parallel: bool
    width: int
    strategy: str
    min_success: int | str | None


def items_of(task: RefTask, results: dict[str, Any]) -> list[Any] | None:
    """What a map goes over; None where that is neither a list nor a mapping."""
    assert task.over is not None
    kind, what = task.over
    value = results.get(what) if kind == "result" else what
    if isinstance(value, dict):
        return [{"key": key, "value": item} for key, item in value.items()]
    return value if isinstance(value, list) else None


def keys_of(task: RefTask, items: list[Any]) -> list[str]:
    names = {"place": "{}", "name": "k{}", "half": "{}"}[task.keys]
    return [names.format(place // 2 if task.keys == "half" else place) for place in range(len(items))]
