"""A workflow as planned: its steps in their order, and what they need. Pure data."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from math import ceil
from typing import TYPE_CHECKING, Any

from leadagent_prefect.models import AgentConfig, Workflow
from leadagent_prefect.steps import Step
from leadagent_prefect.templates import references

if TYPE_CHECKING:
    from leadagent_prefect.loader import Loaded


@dataclass(frozen=True)
class Plan:
    """A workflow with everything resolved that can be before it runs.

    ``steps`` are in file order. ``line`` of a step (1-based) is in ``lines`` where the file is known;
    ``digest`` is the SHA-256 of the workflow's text. ``on_failure`` and ``finally_`` are the tasks that run
    when all else has ended, as plans of their own: what they read of other tasks is no dependency, and one
    that fails does not keep the others from running. ``loaded`` is what it was made of, where that is more
    than a workflow.
    """

    workflow: Workflow
    steps: tuple[Step, ...]
    digest: str = ""
    filename: str | None = None
    lines: Mapping[str, int] = field(default_factory=dict)
    on_failure: Plan | None = None
    finally_: Plan | None = None
    loaded: Loaded | None = field(default=None, compare=False, repr=False)

    @property
    def name(self) -> str:
        return self.workflow.name

    @property
    def width(self) -> int:
        """How many task runs there may be at a time."""
        return self.workflow.max_parallel_tasks if self.workflow.parallel_execution else 1

    @cached_property
    def by_name(self) -> Mapping[str, Step]:
        return {step.name: step for step in self.steps}

    @cached_property
    def agents(self) -> Mapping[str, AgentConfig]:
        """The agents that are called, to undo as well, by name, in file order; not those of sub-workflows."""
        steps = [step for plan in self._of_the_file for step in [*plan.steps, *plan.undos]]
        used = {step.called.name for step in steps if step.called is not None}
        return {agent.name: agent for agent in self.workflow.agents if agent.name in used}

    @property
    def at_the_end(self) -> tuple[Plan, ...]:
        """The tasks that run when all else has ended."""
        return tuple(plan for plan in (self.on_failure, self.finally_) if plan is not None)

    @property
    def undos(self) -> list[Step]:
        """The calls that undo tasks, in file order."""
        return [step.undo for step in self.steps if step.undo is not None]

    @cached_property
    def parts(self) -> tuple[Plan, ...]:
        """The sub-workflows that are called anywhere in the file, each once; not those that these call."""
        bodies = [step.body for plan in self._of_the_file for step in plan.steps if step.body is not None]
        return tuple({id(body.plan): body.plan for body in bodies if body.file is not None}.values())

    @cached_property
    def size(self) -> int:
        """How many tasks there are, those at the end and those in other tasks counted."""
        bodies = sum(step.body.plan.size for step in self.steps if step.body is not None)
        return len(self.steps) + bodies + sum(last.size for last in self.at_the_end)

    @cached_property
    def fingerprint(self) -> str:
        """The SHA-256 of all that it runs: its text, and that of its sub-workflows."""
        own = self.digest or self.workflow.model_dump_json(exclude_unset=True)
        return sha256("\n".join([own, *(part.fingerprint for part in self.parts)]).encode()).hexdigest()

    @property
    def _of_the_file(self) -> Iterator[Plan]:
        """This plan, and those within it that are of the same file."""
        yield self
        bodies = [step.body for step in self.steps if step.body is not None]
        inline = [body.plan for body in bodies if body.file is None]
        for plan in [*inline, *self.at_the_end]:
            yield from plan._of_the_file

    @cached_property
    def required_secrets(self) -> frozenset[str]:
        """Names of the secrets without which the run can't start: those that have no default."""
        return roots("secrets", self._templated).union(*(part.required_secrets for part in self.parts))

    @cached_property
    def secrets(self) -> frozenset[str]:
        """Names of all secrets that are read anywhere, in sub-workflows too."""
        return self._own("secrets").union(*(part.secrets for part in self.parts))

    @cached_property
    def variables(self) -> frozenset[str]:
        """Names of all Prefect Variables that are read anywhere."""
        return self._own("vars").union(*(part.variables for part in self.parts))

    @cached_property
    def environment(self) -> frozenset[str]:
        """Names of all environment variables that are read anywhere."""
        return self._own("env").union(*(part.environment for part in self.parts))

    def _own(self, root: str) -> frozenset[str]:
        """The names behind ``root`` in this file."""
        outputs = [plan.workflow.outputs for plan in self._of_the_file]
        return roots(root, [*self._templated, outputs], guarded=True)

    @property
    def _templated(self) -> list[Any]:
        agents: list[Any] = [agent.model_dump(exclude={"name", "type"}) for agent in self.agents.values()]
        steps = [step for plan in self._of_the_file for step in [*plan.steps, *plan.undos]]
        return agents + [step.templated for step in steps]

    @cached_property
    def levels(self) -> tuple[tuple[str, ...], ...]:
        """Names by depth: level 0 waits for nothing. A picture of the order, not how it runs."""
        depth: dict[str, int] = {}
        for step in self.in_order:
            depth[step.name] = 1 + max((depth[name] for name in step.upstreams), default=-1)
        rows: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
        for step in self.steps:
            rows[depth[step.name]].append(step.name)
        return tuple(map(tuple, rows))

    @cached_property
    def in_order(self) -> tuple[Step, ...]:
        """The steps so that each stands behind all it waits for, otherwise in file order."""
        waiting = {step.name: set(step.upstreams) for step in self.steps}
        dependents = self.dependents
        ready = deque(step for step in self.steps if not step.upstreams)
        order: list[Step] = []
        while ready:
            step = ready.popleft()
            order.append(step)
            for name in dependents[step.name]:
                waiting[name].discard(step.name)
                if not waiting[name]:
                    ready.append(self.by_name[name])
        return tuple(order)

    @cached_property
    def dependents(self) -> Mapping[str, tuple[str, ...]]:
        """Who waits for each task, in file order."""
        rows: dict[str, list[str]] = {step.name: [] for step in self.steps}
        for step in self.steps:
            for name in step.upstreams:
                rows[name].append(step.name)
        return {name: tuple(row) for name, row in rows.items()}

    def onwards(self, name: str) -> tuple[str, ...]:
        """A task and all that wait for it, for those that do, and so on, in file order."""
        found = {name}
        for step in self.in_order:
            if found & set(step.upstreams):
                found.add(step.name)
        return tuple(step.name for step in self.steps if step.name in found)

    def needed_successes(self, counted: int) -> int:
        """``min_success`` as a count, where ``counted`` tasks were not skipped."""
        wanted = self.workflow.min_success
        if wanted is None:
            return 1
        if isinstance(wanted, int):
            return wanted
        # Through a whole number of tenths of a percent, so that 10% of 10 is 1 and not 1.0000000000000002.
        return ceil(round(float(wanted[:-1]) * counted, 6) / 100)


def roots(root: str, values: Iterable[Any], *, guarded: bool = False) -> frozenset[str]:
    """The first names behind ``root`` in all templates of ``values``; ``guarded``: under a default too."""
    return frozenset(
        str(reference.path[0])
        for value in values
        for _, reference in references(value)
        if reference.root == root and reference.path and (guarded or not reference.guarded)
    )
