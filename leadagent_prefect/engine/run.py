"""One run: what its steps share while it goes on."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from leadagent_prefect.engine.control import RunControl
from leadagent_prefect.engine.outcome import Outcome
from leadagent_prefect.engine.pool import AgentPool
from leadagent_prefect.engine.report import Reporter
from leadagent_prefect.engine.seal import Seal
from leadagent_prefect.engine.stop import Stop
from leadagent_prefect.engine.values import Ready, References, TaskView
from leadagent_prefect.plan import Plan, Step
from leadagent_prefect.redaction import Redactor

if TYPE_CHECKING:
    from leadagent_prefect.engine.call import StepCall


@dataclass
class Run:
    """The state of a run in memory. ``outcomes`` grows as steps end; the truth for a resume is on disk.

    ``undoable`` are the calls that have ended of steps, and of items of maps, that have a ``compensate``.
    """

    plan: Plan
    control: RunControl
    ready: Ready
    report: Reporter
    run_id: str
    run_name: str
    started_at: datetime
    rng: random.Random = field(default_factory=random.Random)
    seal: Seal = field(default_factory=Seal)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    undoable: list[StepCall] = field(default_factory=list)
    finish: Stop | None = None

    @property
    def stop(self) -> Stop | None:
        """Why nothing more starts, if so: a run that has finished early is not failed by what still runs."""
        stop = self.control.token.stop
        return stop if stop is not None and (self.finish is None or stop.kind != "failed") else self.finish

    @property
    def redactor(self) -> Redactor:
        return self.ready.redactor

    @cached_property
    def pool(self) -> AgentPool:
        return AgentPool(self.plan.agents, self.scope())

    @cached_property
    def references(self) -> References:
        return References(self.ready.secrets)

    def scope(self, *, secrets: Mapping[str, str] | None = None) -> dict[str, Any]:
        """What templates see; ``secrets`` are the real ones unless their references are given."""
        workflow = self.plan.workflow
        return {
            "inputs": self.ready.inputs,
            "tasks": TaskView(self.outcomes),
            "secrets": self.ready.secrets if secrets is None else secrets,
            "vars": self.ready.variables,
            "env": os.environ,
            "run": {"id": self.run_id, "name": self.run_name, "started_at": self.started_at.isoformat()},
            "workflow": {"name": workflow.name, "version": workflow.version},
        }

    def upstream_results(self, step: Step) -> dict[str, Any]:
        """The results of the tasks that ``depends_on`` names, for an agent that is asked to combine them."""
        return {name: self.outcomes[name].result for name in step.task.depends_on}
