"""Workflow -> Plan: every step with its agent, dependencies, delays and timeouts. Pure; nothing is called.

The engine runs a plan, the emitter writes one down, ``leadagent plan`` and ``graph`` show it: all three
see the same steps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import ceil, floor
from typing import TYPE_CHECKING, Any, Literal

from leadagent_prefect.models import AgentConfig, TaskConfig, Workflow
from leadagent_prefect.resilience.retry import RetryPolicy, merge
from leadagent_prefect.templates import references

if TYPE_CHECKING:
    from leadagent_prefect.loader import Loaded


#: What a step does: it calls an agent, or it is one of those that call nobody.
Kind = Literal["call", "value", "wait", "fail", "finish"]
_WITHOUT_AGENT: tuple[Kind, ...] = ("value", "wait", "fail", "finish")


@dataclass(frozen=True)
class Loop:
    """How a task runs once for each item: ``name`` is the item's in templates, ``limit`` how many may run at
    a time. ``when_per_item`` says that the condition names the item, and so is each item's own.
    """

    name: str
    limit: int
    when_per_item: bool


@dataclass(frozen=True)
class Step:
    """A task as planned.

    ``upstreams`` are the names of all tasks it waits for, in file order: those of ``depends_on`` and those
    its templates read; ``judged`` are those among them whose ends its trigger rule is about. ``timeout``
    bounds one attempt, ``request_timeout`` one request (seconds). ``secrets`` are the names of secrets its
    parameters need, ``reads_secrets`` says whether they read any.
    """

    index: int
    task: TaskConfig
    called: AgentConfig | None
    upstreams: tuple[str, ...]
    judged: tuple[str, ...]
    retry: RetryPolicy
    timeout: float | None
    request_timeout: float
    secrets: frozenset[str]
    reads_secrets: bool
    loop: Loop | None = None

    @property
    def name(self) -> str:
        return self.task.name

    @property
    def action(self) -> str:
        return self.task.action or ""

    @property
    def kind(self) -> Kind:
        return next((kind for kind in _WITHOUT_AGENT if kind in self.task.model_fields_set), "call")

    @property
    def agent(self) -> AgentConfig:
        """Whom it calls. Of a step that calls nobody there is none, and nobody asks."""
        assert self.called is not None
        return self.called

    @property
    def payload(self) -> dict[str, Any]:
        """What it is rendered of before it runs: the parameters of a call, or the one key of its kind."""
        return self.task.parameters if self.kind == "call" else {self.kind: getattr(self.task, self.kind)}

    @property
    def shown(self) -> str:
        """What it does, in a few words."""
        if self.kind == "call":
            return f"{self.agent.name}: {self.action}"
        return f"wait {self.task.wait:g} s" if self.kind == "wait" else self.kind

    @property
    def condition(self) -> str:
        """When it runs, in a few words; empty for one that runs when all it waits for has completed."""
        rule = self.task.trigger_rule
        words: list[str] = [rule] if rule != "all_success" else []
        if self.loop is not None:
            over = self.task.for_each
            words.insert(0, f"for each of {on_one_line(over) if isinstance(over, str) else len(over)}")
        if self.task.when is not None:
            words.append(f"when {on_one_line(self.task.when)}")
        return ", ".join(words)

    def tolerated(self, total: int) -> int:
        """How many of ``total`` items may fail; a percentage is rounded down."""
        wanted = self.task.tolerated_failures
        if wanted is None or isinstance(wanted, int):
            return wanted or 0
        return floor(round(float(wanted[:-1]) * total, 6) / 100)


@dataclass(frozen=True)
class Plan:
    """A workflow with everything resolved that can be before it runs.

    ``steps`` are in file order. ``line`` of a step (1-based) is in ``lines`` where the file is known;
    ``digest`` is the SHA-256 of the workflow's text.
    """

    workflow: Workflow
    steps: tuple[Step, ...]
    digest: str = ""
    filename: str | None = None
    lines: Mapping[str, int] = field(default_factory=dict)

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
        """The agents that are called, by name, in file order."""
        used = {step.called.name for step in self.steps if step.called is not None}
        return {agent.name: agent for agent in self.workflow.agents if agent.name in used}

    @cached_property
    def required_secrets(self) -> frozenset[str]:
        """Names of the secrets without which the run can't start: those that have no default."""
        return _roots("secrets", self._templated)

    @cached_property
    def secrets(self) -> frozenset[str]:
        """Names of all secrets that agents and parameters read."""
        return _roots("secrets", self._templated, guarded=True)

    @cached_property
    def variables(self) -> frozenset[str]:
        """Names of all Prefect Variables that are read anywhere."""
        return _roots("vars", [*self._templated, self.workflow.outputs], guarded=True)

    @property
    def _templated(self) -> list[Any]:
        agents: list[Any] = [agent.model_dump(exclude={"name", "type"}) for agent in self.agents.values()]
        return agents + [step.payload for step in self.steps]

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

    def needed_successes(self, counted: int) -> int:
        """``min_success`` as a count, where ``counted`` tasks were not skipped."""
        wanted = self.workflow.min_success
        if wanted is None:
            return 1
        if isinstance(wanted, int):
            return wanted
        # Through a whole number of tenths of a percent, so that 10% of 10 is 1 and not 1.0000000000000002.
        return ceil(round(float(wanted[:-1]) * counted, 6) / 100)


def build(
    workflow: Workflow,
    *,
    digest: str = "",
    filename: str | None = None,
    lines: Mapping[str, int] | None = None,
) -> Plan:
    """The plan of a checked workflow: its references exist and form no cycle."""
    agents = {agent.name: agent for agent in workflow.agents}
    names = {task.name: index for index, task in enumerate(workflow.tasks)}
    widest = workflow.max_parallel_tasks
    usual = widest if workflow.parallel_execution else 1
    loops = {task.name: _loop(task, usual, widest) for task in workflow.tasks}
    steps = tuple(
        replace(_step(index, task, agents, names), loop=loops[task.name])
        for index, task in enumerate(workflow.tasks)
    )
    return Plan(workflow, steps, digest, filename, dict(lines or {}))


def plan_of(loaded: Loaded) -> Plan:
    """The plan of a file that was read, with the line of every task."""
    document = loaded.document
    spans = {task.name: document.value_span(("tasks", n)) for n, task in enumerate(loaded.workflow.tasks)}
    lines = {name: span.line for name, span in spans.items() if span is not None}
    return build(loaded.workflow, digest=loaded.digest, filename=document.filename, lines=lines)


def _step(index: int, task: TaskConfig, agents: Mapping[str, AgentConfig], names: Mapping[str, int]) -> Step:
    agent = agents[task.agent_name] if task.agent_name is not None else None
    templated = [task.parameters, task.when, task.value, task.fail, task.finish, task.for_each, task.key]
    read = _roots("tasks", templated, guarded=True)
    upstreams = tuple(sorted(read.union(task.depends_on), key=names.__getitem__))
    named = tuple(name for name in upstreams if name in task.depends_on)
    return Step(
        index=index,
        task=task,
        called=agent,
        upstreams=upstreams,
        judged=named if named and task.trigger_rule != "all_success" else upstreams,
        retry=merge(agent.retry_config if agent else None, task.retry_config),
        timeout=task.timeout,
        request_timeout=_request_timeout(agent, task),
        secrets=_roots("secrets", [task.parameters]),
        reads_secrets=bool(_roots("secrets", [task.parameters], guarded=True)),
    )


def _loop(task: TaskConfig, usual: int, widest: int) -> Loop | None:
    if "for_each" not in task.model_fields_set:
        return None
    name = task.as_ or "item"
    roots = {reference.root for _, reference in references(task.when)}
    limit = min(task.max_concurrency or usual, widest)
    return Loop(name, limit, when_per_item=bool(roots & {name, "item", "index"}))


def on_one_line(condition: str | bool) -> str:
    """A condition as it may stand in a file, wherever its author broke its line."""
    return " ".join(condition.split()) if isinstance(condition, str) else str(condition).lower()


def _request_timeout(agent: AgentConfig | None, task: TaskConfig) -> float:
    if agent is None:
        return 0.0
    written = "timeout" in agent.model_fields_set or task.timeout is None
    return agent.timeout if written or task.timeout is None else task.timeout


def _roots(root: str, values: Iterable[Any], *, guarded: bool = False) -> frozenset[str]:
    """The first names behind ``root`` in all templates of ``values``; ``guarded``: under a default too."""
    return frozenset(
        str(reference.path[0])
        for value in values
        for _, reference in references(value)
        if reference.root == root and reference.path and (guarded or not reference.guarded)
    )
