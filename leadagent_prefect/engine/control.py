"""How a run is steered from outside, and how it stops: one token, raced against by all that waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from leadagent_prefect.observe.events import Event
from leadagent_prefect.results import WorkflowResult

if TYPE_CHECKING:
    from leadagent_prefect.engine.values import Ready

StopKind = Literal["cancelled", "failed", "timeout"]


@dataclass(frozen=True)
class Stop:
    """Why a run starts nothing more: it was cancelled, a task failed, or its time is over."""

    kind: StopKind
    reason: str


class StopToken:
    """Set once; bound to the loop of its run. `request` may be called from any thread, and before the run."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._future: asyncio.Future[Stop] | None = None
        self._early: Stop | None = None

    def bind(self) -> None:
        """Ties the token to the running loop; called by the run before anything waits."""
        self._loop = asyncio.get_running_loop()
        self._future = self._loop.create_future()
        if self._early is not None:
            self._future.set_result(self._early)

    @property
    def future(self) -> asyncio.Future[Stop]:
        """Done as soon as the run is to stop; race against it, never cancel it."""
        if self._future is None:
            raise RuntimeError("the stop token is bound to no run yet")
        return self._future

    @property
    def stop(self) -> Stop | None:
        return self._future.result() if self._future is not None and self._future.done() else None

    def request(self, kind: StopKind, reason: str) -> None:
        """Asks the run to stop; the first request counts."""
        stop = Stop(kind, reason)
        if self._loop is None:
            self._early = self._early or stop
        else:
            self._loop.call_soon_threadsafe(self.set, stop)

    def set(self, stop: Stop) -> None:
        """`request` from within the run's own loop, at once."""
        if not self.future.done():
            self.future.set_result(stop)


def _nobody(event: Event) -> None:
    """The sink of a run that nobody watches."""


@dataclass
class RunControl:
    """What a caller in the same process gives to a run, and what it gets from it.

    A run without one (a deployed run) makes its own. ``ready`` holds what was found out before the flow
    run was made, so that nothing runs where a secret is missing. ``result`` is set when the run has ended.
    """

    token: StopToken = field(default_factory=StopToken)
    notify: Callable[[Event], None] = _nobody
    ready: Ready | None = None
    result: WorkflowResult | None = None


current_control: ContextVar[RunControl | None] = ContextVar("leadagent_run_control", default=None)
