"""A run that was interrupted at its end, while it undid or ran ``on_failure`` and ``finally``, is taken up
there, and goes forward no more.

When a run begins with either, it keeps what it has come to. The next execution replays the run: no step is
called, those that completed answer from the store and the others end as they did. What is left is then
undone and run, and the run ends as it would have. Only the execution after that starts forward.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import anyio
from prefect.results import get_result_store

from leadagent_prefect.engine.outcome import Outcome, Verdict
from leadagent_prefect.engine.store.generations import FOLDER
from leadagent_prefect.engine.store.plain import storage

if TYPE_CHECKING:
    from leadagent_prefect.engine.run import Run
    from leadagent_prefect.engine.steps.call import StepCall


_log = logging.getLogger(__name__)

#: Seconds that keeping it may take: what is due then must not wait for it.
_PATIENCE_SECONDS = 5.0
_NEVER_RAN = Outcome("skipped", error="the run ended before it", from_failure=True)


@dataclass(frozen=True)
class Undoing:
    """What a run has come to that is at its end: its verdict, the errors of its outputs, and its result
    but for the results of its tasks.
    """

    found: Verdict
    problems: dict[str, str]
    told: dict[str, Any]


async def keep_undoing(run: Run, undoing: Undoing) -> None:
    """From now on the run is at its end, whoever executes it."""
    await _write(run, asdict(undoing))


async def end_undoing(run: Run) -> None:
    """All is undone that can be, and nothing is left to run: the next execution starts forward."""
    await _write(run, {})


async def begin(run: Run) -> Undoing | None:
    """What the run has come to, where an earlier execution was interrupted at its end: it is replayed
    then. Otherwise it goes forward, with the tasks anew that are to run again.
    """
    generations, control = run.generations, run.control
    if run.around is not None or not generations.is_again:
        return None
    undoing, generations.undoings = await read_undoing(run.run_id)
    if undoing is None and control.from_task is not None:
        for name in run.plan.onwards(control.from_task):
            await generations.close_task(name)
    generations.is_replayed = undoing is not None
    return undoing


async def read_undoing(run_id: str) -> tuple[Undoing | None, int]:
    """What a run has come to that is to go on at its end; and how often it has come to one."""
    try:
        kept = json.loads(await (await storage()).read_path(_place(run_id)))
    except Exception:  # noqa: BLE001  # each storage says in its own way that there is none
        return None, 0
    count = kept.pop("count")
    return (Undoing(**{**kept, "found": Verdict(**kept["found"])}) if kept else None), count


async def replayed(call: StepCall) -> Outcome | None:
    """How the call of a replayed run ended; None where it completed, and answers from the store."""
    if call.key is not None and await get_result_store().aexists(call.key):
        return None
    left = await call.run.generations.left(call) or _NEVER_RAN
    # A body without a result of its own is entered again.
    return left if left.status != "completed" else None


async def _write(run: Run, kept: dict[str, Any]) -> None:
    """Never raises: what is due at the end is done all the same."""
    content = json.dumps({**kept, "count": run.generations.undoings}).encode()
    try:
        with anyio.fail_after(_PATIENCE_SECONDS):
            await (await storage()).write_path(_place(run.run_id), content)
    except Exception as error:  # noqa: BLE001  # an execution that comes later starts forward
        _log.warning("what the run has come to is not kept: %s", type(error).__name__)


def _place(run_id: str) -> str:
    return f"{FOLDER}/{run_id}/undoing.json"
