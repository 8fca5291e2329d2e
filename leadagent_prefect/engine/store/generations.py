"""How often the work of a step has been begun anew, and what earlier executions of a run have left of it.

The first time is generation 0. It is closed when its work was undone, when a service has answered it with a
failure for good, or when somebody asks for the task to run again: whoever calls the step then uses the next
one, and so another result key and another ``Idempotency-Key``. While nobody knows what a call came to (it was
cut short, it timed out, its process was killed) its generation stays open.

What is known of a generation lies in a file of its own in the result storage: of ten thousand items that
fail none may rewrite what the others left. In the first execution of a run nothing is looked up.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio

from leadagent_prefect.engine.outcome import Outcome
from leadagent_prefect.engine.store.plain import storage

if TYPE_CHECKING:
    from leadagent_prefect.engine.steps.call import StepCall

_log = logging.getLogger(__name__)

#: Where the records of runs lie in Prefect's result storage; those of a run's steps in a folder of its id.
FOLDER = "leadagent-runs"
#: Failures that a service has answered with. After any other one nobody knows whether the call is in effect,
#: or none was made.
_ANSWERED = frozenset({"rate_limit", "server_error", "client_error", "auth", "tool_error", "invalid_output"})
#: What is left of an outcome that is no result.
_LEFT = ("status", "error", "error_class", "metadata", "attempts", "tolerated")
_PATIENCE_SECONDS = 5.0


@dataclass
class Generations:
    """Of all steps of a root run, those of its sub-workflows too.

    ``is_again``: an earlier execution of the run may have left something. ``is_replayed``: the steps are not
    called, but end as they did before the run came to its end. ``undoings`` counts how often it has come to
    one at which there was something to undo or to run: what was undone at the last one is still there for a
    replay. With a ``survey`` nothing is called: it says how each call would end.
    """

    run_id: str
    is_again: bool = False
    is_replayed: bool = False
    undoings: int = 0
    survey: Callable[[StepCall], Awaitable[Outcome]] | None = None
    #: By the digest of a place: its generation, as far as it was closed in this execution or was looked up.
    _known: dict[str, int] = field(default_factory=dict)

    async def settle(self, call: StepCall) -> None:
        """Gives the call its generations: one for each of its `levels`, the whole of its step first."""
        found: list[int] = []
        for depth, _ in enumerate(call.levels, 1):
            place = _digest([call.path, call.levels[:depth], found])
            found.append(await self._open(place, remember=depth < len(call.levels)))
        call.generations = tuple(found)

    async def close(self, call: StepCall) -> None:
        """The call, with all its rounds, was undone, or is of no use any more: what comes after it begins
        anew. Never raises.
        """
        depth = len(call.levels) - (1 if call.round is not None else 0)
        await self._write(call, {"closed": True, "undoing": self.undoings}, depth)

    async def close_task(self, name: str) -> None:
        """A task of the root workflow, with all its items, rounds and inner tasks, runs again."""
        place = _digest([(), (name,), []])
        await self._put(place, await self._open(place), {"closed": True})

    async def note(self, call: StepCall, outcome: Outcome) -> None:
        """Keeps how a call ended that has no result to be kept; never raises."""
        answered = call.step.kind == "call" and outcome.error_class in _ANSWERED
        left = {name: getattr(outcome, name) for name in _LEFT}
        await self._write(call, {"closed": answered, "left": left})

    async def left(self, call: StepCall) -> Outcome | None:
        """How the call ended, where an earlier execution has said so and it has no result."""
        for generation in (call.generations[-1], call.generations[-1] - 1):
            mark = await self._read(_place(call, len(call.levels)), generation) if generation >= 0 else None
            if mark is not None and "left" in mark:
                return Outcome(**mark["left"])
        return None

    async def _write(self, call: StepCall, mark: Mapping[str, Any], depth: int | None = None) -> None:
        depth = depth or len(call.levels)
        try:
            await self._put(_place(call, depth), call.generations[depth - 1], mark)
        except Exception as error:  # noqa: BLE001  # the step has ended all the same
            _log.warning('what became of task "%s" is not kept: %s', call.name, type(error).__name__)

    async def _put(self, place: str, generation: int, mark: Mapping[str, Any]) -> None:
        if mark["closed"]:
            self._known[place] = generation + 1
        with anyio.fail_after(_PATIENCE_SECONDS):
            await (await storage()).write_path(self._file(place, generation), json.dumps(mark).encode())

    async def _open(self, place: str, *, remember: bool = False) -> int:
        """The generation of a place that is not closed yet."""
        generation = self._known.get(place, 0)
        if self.is_again and (place not in self._known or not remember):
            while await self._is_closed(place, generation):
                generation += 1
        if generation or remember:
            self._known[place] = generation
        return generation

    async def _is_closed(self, place: str, generation: int) -> bool:
        mark = await self._read(place, generation)
        if mark is None or (self.is_replayed and mark.get("undoing") == self.undoings):
            return False
        return bool(mark["closed"])

    async def _read(self, place: str, generation: int) -> dict[str, Any] | None:
        try:
            mark: dict[str, Any] = json.loads(
                await (await storage()).read_path(self._file(place, generation))
            )
        except Exception:  # noqa: BLE001  # each storage says in its own way that there is none
            return None
        return mark

    def _file(self, place: str, generation: int) -> str:
        return f"{FOLDER}/{self.run_id}/{place}-{generation}.json"


def _place(call: StepCall, depth: int) -> str:
    return _digest([call.path, call.levels[:depth], call.generations[: depth - 1]])


def _digest(parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
