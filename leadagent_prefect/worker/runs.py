"""The runs of this worker that have a process, and how they are ended."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from leadagent_prefect.engine.control import RunControl
from leadagent_prefect.worker.job import HURRY_SIGNAL, Job
from leadagent_prefect.worker.launcher import ForkServerLost, Launcher
from leadagent_prefect.worker.patience import kill_seconds

#: Seconds in which a run has started. What is told of it meanwhile would hold it up: the server is busy.
_STARTED_AFTER = 1.0
#: Seconds before it is killed in which a run undoes no more, and is to cut its calls short and end.
_LAST_SECONDS = 5.0


@dataclass(frozen=True)
class Ending:
    """How a run's process ended: ``code`` is negative for a signal; ``cancelled``: it was asked to end;
    ``dropped``: the run is another worker's by now, and nothing is to be told of it.
    """

    code: int
    cancelled: bool
    dropped: bool = False


class Runs:
    """Once ``ending`` is true, whatever starts is cancelled too."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher, self._kill_after = launcher, kill_seconds()
        #: What will kill a run that was asked to end; None for one that was not asked.
        self._killers: dict[str, list[asyncio.TimerHandle] | None] = {}
        self._executions: dict[str, int] = {}
        self._dropped: set[str] = set()
        self.ending = False

    @property
    def ids(self) -> list[str]:
        return list(self._killers)

    async def run(self, job: Job, under_way: Callable[[int, bool], Awaitable[None]]) -> Ending:
        """From the fork to its end; ``under_way`` is called once it holds up nothing, with the process id,
        and whether the run goes on still.
        """
        run = job.flow_run_id
        self._killers[run] = None
        self._executions[run] = int(job.flow_run.get("run_count", 0)) + 1
        try:
            pid, fork = await self._launcher.fork(job)
            if self._killers[run] is not None:  # it was cancelled before there was a process
                self._launcher.signal(run, signal.SIGTERM)
            elif self.ending:
                self._end(run)
            await asyncio.wait({fork.ended}, timeout=_STARTED_AFTER)
            await under_way(pid, not fork.ended.done())
            try:
                code = await fork.ended
            except ForkServerLost:  # and the kernel has killed its forks
                code = -signal.SIGKILL
            return Ending(code, cancelled=self._killers[run] is not None, dropped=run in self._dropped)
        finally:
            del self._executions[run]
            self._dropped.discard(run)
            for killer in self._killers.pop(run) or ():
                killer.cancel()

    def execution(self, run: str) -> int:
        """Which execution of it this worker has; 0 of one that it has not."""
        return self._executions.get(run, 0)

    def cancel(self, run: str) -> None:
        """Asks a run to end, and kills it when it takes too long, or longer than it may undo what it did.
        Twice is once; others' runs are let be.
        """
        if run in self._killers and self._killers[run] is None:
            self._launcher.signal(run, signal.SIGTERM)
            self._killers[run] = []
            self._later(self._kill_after, run, signal.SIGKILL, spares=True)
            self._later(max(self._kill_after, RunControl.undo_seconds + _LAST_SECONDS), run, signal.SIGKILL)

    def _later(self, seconds: float, run: str, number: signal.Signals, *, spares: bool = False) -> None:
        send = partial(self._launcher.signal, run, number, spares=spares)
        killers = self._killers[run]
        assert killers is not None  # it was asked to end
        killers.append(asyncio.get_running_loop().call_later(seconds, send))

    def drop(self, run: str) -> None:
        """Kills a run that another worker has taken up, or is about to; others' are let be."""
        if run in self._killers:
            self._dropped.add(run)
            self._launcher.signal(run, signal.SIGKILL)

    def cancel_all(self) -> None:
        self.ending = True
        for run in self.ids:
            self._end(run)

    def _end(self, run: str) -> None:
        """Asks it to end in time for the worker, which has no four minutes: undoing is left to a resume."""
        self.cancel(run)
        self._later(max(0.0, self._kill_after - _LAST_SECONDS), run, HURRY_SIGNAL)
        self._later(self._kill_after, run, signal.SIGKILL)

    def kill_all(self) -> None:
        for run in self.ids:
            self._launcher.signal(run, signal.SIGKILL)
