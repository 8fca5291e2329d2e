"""How a run is steered from outside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from leadagent_prefect.engine.process.stop import StopToken
from leadagent_prefect.engine.values import Ready
from leadagent_prefect.observe.events import Event
from leadagent_prefect.results import WorkflowResult

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun


def _nothing() -> None:
    """What is told to nobody: most runs have no caller in the same process."""


@dataclass
class RunControl:
    """What a caller in the same process gives to a run, and what it gets from it.

    A run without one (a deployed run) makes its own. ``notify`` is told every event; where it is None,
    the observers of installed packages are. ``ready`` holds what was found out before the flow run was
    made, so that nothing runs where a secret is missing. ``started`` is called when Prefect has the run as
    Running, ``result`` is set when it has ended, ``undoing`` has an entry for each part of it, and for the
    whole, that undoes what it did, or runs its ``on_failure`` and ``finally``; ``on_undoing`` is called when
    one begins.
    ``undo_seconds`` is how long it may do so once it is cancelled. Without ``use_cache`` no result of another
    run is reused, and none is kept for others; ``scope`` is whose results those are: runs of one scope never
    meet those of another, nor share circuit breakers and limits with them, and the text of their workflow is
    not kept. ``take`` gives the flow run that is to be executed again, where it is to be no new one. One that
    ``takes_changes`` goes on with a workflow that is no longer the one it was begun with. The task
    ``from_task`` and all that depend on it run again, completed or not. One that ``answers_signals`` has
    nobody around it who does.
    """

    token: StopToken = field(default_factory=StopToken)
    notify: Callable[[Event], None] | None = None
    started: Callable[[], None] = _nothing
    ready: Ready | None = None
    use_cache: bool = True
    scope: str = ""
    take: Callable[[], Awaitable[FlowRun]] | None = None
    takes_changes: bool = False
    from_task: str | None = None
    answers_signals: bool = False
    undo_seconds: float = 240.0  # Prefect takes a run for cancelled after 300 s, ended or not
    undoing: list[str] = field(default_factory=list)
    on_undoing: Callable[[], None] = _nothing
    result: WorkflowResult | None = None

    @property
    def is_undoing(self) -> bool:
        return bool(self.undoing)

    def within(self, token: StopToken, started: Callable[[], None] = _nothing) -> RunControl:
        """That of a body: it stops with ``token``, and shares all else."""
        return replace(self, token=token, started=started, result=None)


current_control: ContextVar[RunControl | None] = ContextVar("leadagent_run_control", default=None)
