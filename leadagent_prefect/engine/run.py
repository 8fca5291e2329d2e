"""One run: what its steps share while it goes on."""

from __future__ import annotations

import asyncio
import contextvars
import os
import random
from collections import ChainMap
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from leadagent_prefect.engine.control import RunControl
from leadagent_prefect.engine.outcome import Outcome
from leadagent_prefect.engine.pool import AgentPool
from leadagent_prefect.engine.process.stop import Stop, StopToken
from leadagent_prefect.engine.report import Reporter
from leadagent_prefect.engine.shared.guards import Guards
from leadagent_prefect.engine.slots import Slots
from leadagent_prefect.engine.store.generations import Generations
from leadagent_prefect.engine.store.seal import Seal
from leadagent_prefect.engine.values import Ready, References, TaskView
from leadagent_prefect.plan import Plan, Step
from leadagent_prefect.redaction import Redactor
from leadagent_prefect.results import Compensation

if TYPE_CHECKING:
    from leadagent_prefect.engine.steps.call import StepCall


@dataclass
class Run:
    """The state of a run in memory. ``outcomes`` grows as steps end; the truth for a resume is on disk.

    The body of a step is a run too, ``around`` which is the step's call: one of inline tasks within the same
    flow run, one of a sub-workflow within a flow run of its own. ``undoable`` are the calls that have ended
    of steps, and of items of maps, that have a ``compensate``, and those within bodies that have none.
    ``compensated`` is what was undone so far in the flow run and those within it. ``context`` is that of the
    flow run, outside of any of its task runs. ``enter`` runs the body of a call, ``starts`` bounds how many
    sub-workflows begin at a time.

    ``acted`` is set once a step is tried in this execution, and has not answered from the store. The tasks at
    the end are a run of their own, see `engine.hooks`: ``ending`` says of what, ``came_to`` what templates
    see of it.
    """

    plan: Plan
    control: RunControl
    ready: Ready
    report: Reporter
    run_id: str
    run_name: str
    started_at: datetime
    generations: Generations
    enter: Callable[[StepCall], Awaitable[dict[str, Any]]]
    rng: random.Random = field(default_factory=random.Random)
    seal: Seal = field(default_factory=Seal)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    undoable: list[StepCall] = field(default_factory=list)
    compensated: list[Compensation] = field(default_factory=list)
    finish: Stop | None = None
    is_undone: bool = True
    around: StepCall | None = None
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    starts: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    acted: asyncio.Event = field(default_factory=asyncio.Event)
    ending: Sequence[Any] = ()
    came_to: Mapping[str, Any] = field(default_factory=dict)
    #: Of a run that was executed before: templates see the same time, and so give the same parameters.
    first_started_at: datetime | None = None

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
        return AgentPool(self.plan.agents, self.scope()) if self.outer is None else self.outer.pool

    @cached_property
    def slots(self) -> Slots:
        return Slots(self.plan.workflow.max_parallel_tasks) if self.outer is None else self.outer.slots

    @cached_property
    def guards(self) -> Guards:
        return Guards(self)

    @cached_property
    def references(self) -> References:
        return References(self.ready.secrets)

    @property
    def outer(self) -> Run | None:
        """The run that these inline tasks are a part of; a run that is a flow run of its own is in none."""
        return self.around.run if self.around is not None and self.around.step.kind == "tasks" else None

    @property
    def path(self) -> Sequence[Any]:
        """Of the steps that it is inside of: their `levels` and generations, from the outermost inwards."""
        around = self.around
        outside = (*around.path, around.levels, around.generations) if around is not None else ()
        return (*outside, *self.ending)

    @property
    def root_id(self) -> str:
        """The id of the flow run that all others were begun by."""
        return self.around.run.root_id if self.around is not None else self.run_id

    @property
    def visible(self) -> ChainMap[str, Outcome]:
        """The tasks that templates see: its own, and those around inline ones."""
        return ChainMap(self.outcomes, *(self.outer.visible.maps if self.outer is not None else ()))

    def inside(self, around: StepCall, plan: Plan, token: StopToken) -> Run:
        """The run of inline tasks."""
        control = self.control.within(token)
        anew: dict[str, Any] = {"outcomes": {}, "undoable": [], "finish": None, "ending": ()}
        return replace(self, plan=plan, control=control, around=around, **anew)

    def at_its_end(
        self, plan: Plan, token: StopToken, ending: Sequence[Any], came_to: Mapping[str, Any]
    ) -> Run:
        """The run of the tasks ``on_failure`` or ``finally``. What has become of the others they see, and
        those that come later what becomes of them.
        """
        anew: dict[str, Any] = {"undoable": [], "finish": None, "ending": ending, "came_to": came_to}
        last = replace(self, plan=plan, control=self.control.within(token), **anew)
        last.pool, last.slots = self.pool, self.slots
        return last

    def way_to(self, inner: Run) -> str:
        """What is put before the names of ``inner``, a run within this one, to name them in this flow run."""
        way = ""
        while inner.run_id != self.run_id:
            inner = inner.flow
            assert inner.around is not None  # it is within this one
            way, inner = f"{inner.around.name}.{way}", inner.around.run
        return way

    @property
    def flow(self) -> Run:
        """The run that the flow run is of, whose inline tasks these are."""
        return self if self.outer is None else self.outer.flow

    def name_of(self, step: Step) -> str:
        """A step's name in its flow run: with the task before it that it stands inline in."""
        return f"{self.around.name}.{step.name}" if self.around is not None and self.outer else step.name

    def scope(self, *, secrets: Mapping[str, str] | None = None) -> dict[str, Any]:
        """What templates see; ``secrets`` are the real ones unless their references are given."""
        workflow = self.plan.workflow
        if self.around is not None and self.outer is not None:
            around = {**self.outer.scope(secrets=secrets), **self.around.names}
            return {**around, "tasks": TaskView(self.visible)}
        return {
            "inputs": self.ready.inputs,
            "tasks": TaskView(self.outcomes),
            "secrets": self.ready.secrets if secrets is None else secrets,
            "vars": self.ready.variables,
            "env": os.environ,
            "run": {
                "id": self.run_id,
                "name": self.run_name,
                "started_at": (self.first_started_at or self.started_at).isoformat(),
                **self.came_to,
            },
            "workflow": {"name": workflow.name, "version": workflow.version},
        }

    def upstream_results(self, step: Step) -> dict[str, Any]:
        """The results of the tasks that ``depends_on`` names, for an agent that is asked to combine them."""
        return {name: self.visible[name].result for name in step.task.depends_on}
