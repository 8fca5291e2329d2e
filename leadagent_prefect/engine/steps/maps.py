"""A task with ``for_each``: its items, which of them may start, and what they come to together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from leadagent_prefect.engine.outcome import Outcome
from leadagent_prefect.engine.process.stop import Stop
from leadagent_prefect.engine.report import now
from leadagent_prefect.engine.run import Run
from leadagent_prefect.engine.steps.call import Item, StepCall
from leadagent_prefect.errors import TemplateError
from leadagent_prefect.plan import Loop, Step
from leadagent_prefect.results import ItemCounts
from leadagent_prefect.templates import render

_KINDS = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "a mapping",
}
#: Items that are drawn with arrows in Prefect's UI: each keeps an object and its state in memory.
_DRAWN = 100


class Map:
    """The items of one step. The scheduler starts one after the other as `next` gives them, and tells of
    their ends; then there is an ``outcome``. Only what runs is held: of ten thousand items as many as may
    run at a time.
    """

    def __init__(self, run: Run, step: Step, items: list[Any], keys: list[str]) -> None:
        assert step.loop is not None  # it is a map
        self.step, self._run, self._loop = step, run, step.loop
        self._items, self._keys = items, keys
        self._left = iter(range(len(items)))
        self._next: int | None = next(self._left, None)
        self._results: list[Any] = [None] * len(items)
        self._tolerated = step.tolerated(len(items))
        self._running = self._completed = self._cut = self._attempts = 0
        self._errors: dict[str, Mapping[str, str]] = {}
        self._started_at = now()
        self._token = run.control.token.child()
        self.drawn: list[StepCall] = []

    @property
    def size(self) -> int:
        return len(self._items)

    @property
    def may_start(self) -> bool:
        return self._next is not None and self._running < self._loop.limit and self._stop is None

    @property
    def has_ended(self) -> bool:
        return not self._running and (self._next is None or self._stop is not None)

    @property
    def _stop(self) -> Stop | None:
        return self._token.stop or self._run.control.token.stop

    def next(self) -> tuple[StepCall, int]:
        """The next item's call, and its place; only where one `may_start`."""
        place = self._next
        assert place is not None
        self._next = next(self._left, None)
        self._running += 1
        item = Item(self._keys[place], names_of(self._loop, self._items[place], place))
        call = StepCall(self._run, self.step, item=item, token=self._token)
        call.has_arrows = len(self.drawn) < _DRAWN
        if call.has_arrows:
            self.drawn.append(call)
        return call, place

    def take(self, place: int, outcome: Outcome) -> None:
        """An item has ended. One failure too many ends the others."""
        key = self._keys[place]
        self._running -= 1
        self._attempts += outcome.attempts
        self._run.report.task_ended(self._run.name_of(self.step), outcome, key)
        if outcome.status == "completed":
            self._completed += 1
            self._results[place] = outcome.result
        elif outcome.status == "cancelled":
            self._cut += 1
        elif outcome.status == "failed":
            self._errors[key] = {"class": outcome.error_class or "", "message": outcome.error or ""}
            enough = len(self._errors) > self._tolerated and not self._run.generations.is_replayed
            if enough and self._token.stop is None:
                self._token.set(Stop("failed", f'task "{self.step.name}" failed: too many of its items did'))

    def outcome(self) -> Outcome:
        """What the whole came to; for once it `has_ended`."""
        self._token.release()
        counts = ItemCounts(total=len(self._items), completed=self._completed, failed=len(self._errors))
        found = Outcome(
            "completed",
            result=self._results,
            attempts=self._attempts,
            started_at=self._started_at,
            ended_at=now(),
            items=counts,
            item_errors=self._errors,
        )
        if len(self._errors) > self._tolerated:
            return self._failed(found)
        stop = self._run.control.token.stop
        if stop is not None and (self._next is not None or self._cut):
            return replace(found, status="cancelled", result=None, error=stop.reason, error_class="cancelled")
        return found

    def _failed(self, found: Outcome) -> Outcome:
        key, error = next(reversed(self._errors.items()))
        count = f"{len(self._errors)} of {len(self._items)} items failed"
        return replace(
            found,
            status="failed",
            result=None,
            error=f"{count}, and {self._tolerated} may; the last one: [{key}] {error['message']}",
            error_class=error["class"],
            tolerated=self.step.task.continue_on_failure,
        )


def open_map(run: Run, step: Step) -> Map:
    """The map of a step; raises `TemplateError` for what can't be gone over and for keys that are none."""
    assert step.loop is not None  # it is a map
    scope = run.scope(secrets=run.references)
    items = _items(render(step.task.for_each, scope))
    if step.task.key is None:
        return Map(run, step, items, [str(place) for place in range(len(items))])
    return Map(run, step, items, list(_keys(step, step.loop, items, scope)))


def _items(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return [{"key": key, "value": item} for key, item in value.items()]
    raise TemplateError(f"for_each is {_KINDS[type(value)]}: it goes over a list or a mapping")


def _keys(step: Step, loop: Loop, items: list[Any], scope: dict[str, Any]) -> Iterator[str]:
    seen: dict[str, int] = {}
    for place, item in enumerate(items):
        key = render(step.task.key, scope | names_of(loop, item, place))
        if isinstance(key, (dict, list)) or key is None or key == "":
            kind = "empty" if key == "" else _KINDS[type(key)]
            raise TemplateError(f"the key of item {place} is {kind}: it is to be a text or a number")
        text = str(key).lower() if isinstance(key, bool) else str(key)
        if seen.setdefault(text, place) != place:
            raise TemplateError(f"items {seen[text]} and {place} both have the key {text!r:.100}")
        yield text


def names_of(loop: Loop, item: Any, place: int) -> dict[str, Any]:
    """What templates see of an item: ``item`` and the name that ``as`` gives it, and ``index`` from 0."""
    return {"item": item, loop.name: item, "index": place}
