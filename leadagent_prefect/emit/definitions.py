"""One workflow as assignments: who is called, what is called, and the workflow of both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from leadagent_prefect.emit.calls import Calls
from leadagent_prefect.emit.code import Code, Group, Node, Text
from leadagent_prefect.emit.docstring import comment
from leadagent_prefect.emit.layout import lay_out
from leadagent_prefect.emit.names import Names
from leadagent_prefect.loader import Loaded
from leadagent_prefect.models import AgentConfig, TaskConfig, Workflow
from leadagent_prefect.plan import Plan, Step, plan_of

#: Keys of a workflow that say nothing about a run: they stand in prefect.yaml, or at the flow.
_OF_THE_DEPLOYMENT = frozenset({"schedule", "tags", "description"})
_WHEN = {
    "tasks": "# What is called: each task as soon as those have ended that it reads or depends on.",
    "on_failure": "# What is called when a run has failed, after all else has ended.",
    "finally": "# What is called at the end of every run.",
}


class Definitions:
    """``source`` names the workflow's file in comments; ``variable`` is what the workflow is assigned to.

    ``classes`` are the models that were used, for the imports.
    """

    def __init__(self, loaded: Loaded, source: str, names: Names, variable: str) -> None:
        self.workflow, self.variable = loaded.workflow, variable
        self._loaded, self._source = loaded, source
        self._agents = {agent.name: names.take(agent.name, "agent") for agent in called(self.workflow)}
        self._lists = dict(_lists(plan_of(loaded)))
        self._tasks = {
            step.name: names.take(step.name, "task") for plan in self._lists.values() for step in plan.steps
        }
        self._calls = Calls(self._agents)

    @property
    def classes(self) -> set[str]:
        return self._calls.classes

    def write(self) -> Iterator[str]:
        """The assignments, each with the comments above it."""
        if self._agents:
            yield "# Who is called."
        for agent in called(self.workflow):
            yield lay_out(f"{self._agents[agent.name]} = ", self._calls.model(agent))
        for key, plan in self._lists.items():
            yield _WHEN[key]
            for step in plan.steps:
                yield self._task(step, key, plan)

    def write_workflow(self) -> str:
        """The last assignment."""
        more: dict[str, Node] = {"agents": _references(self._agents.values())}
        for key, plan in self._lists.items():
            field = "finally_" if key == "finally" else key
            more[field] = _references(self._tasks[step.name] for step in plan.steps)
        written = self._calls.model(self.workflow, more, without=_OF_THE_DEPLOYMENT)
        return lay_out(f"{self.variable} = ", written)

    def _task(self, step: Step, key: str, plan: Plan) -> str:
        more: dict[str, Node] = {}
        if "depends_on" in step.task.model_fields_set:
            known = [self._name(name, step, plan) for name in step.task.depends_on]
            more["depends_on"] = Group("[", tuple(("", node) for node in known), "]")
        written = lay_out(f"{self._tasks[step.name]} = ", self._calls.model(step.task, more))
        return "\n".join([*self._place(step, key), written])

    def _name(self, name: str, step: Step, plan: Plan) -> Node:
        """``fetch.name``; the name itself where the task stands further down the file."""
        return Code(f"{self._tasks[name]}.name") if plan.by_name[name].index < step.index else Text(name)

    def _place(self, step: Step, key: str) -> list[str]:
        """Where the task stands in the workflow file, and what it waits for."""
        span = self._loaded.document.value_span((key, step.index))
        words = [f"{self._source}:{span.line}"] if span is not None else []
        if step.upstreams:
            words.append(f"after {', '.join(self._tasks[name] for name in step.upstreams)}")
        return [comment("; ".join(words))] if words else []


def called(workflow: Workflow) -> list[AgentConfig]:
    """The agents that any of its tasks calls, however deep, to undo as well; in file order."""
    tasks = [*workflow.tasks, *workflow.on_failure, *workflow.finally_]
    names = {name for task in tasks for name in _called(task)}
    return [agent for agent in workflow.agents if agent.name in names]


def _called(task: TaskConfig) -> Iterator[str | None]:
    yield task.agent_name
    if task.compensate is not None:
        yield task.compensate.agent_name
    for inner in task.tasks or []:
        yield from _called(inner)


def _lists(plan: Plan) -> Iterator[tuple[str, Plan]]:
    yield "tasks", plan
    if plan.on_failure is not None:
        yield "on_failure", plan.on_failure
    if plan.finally_ is not None:
        yield "finally", plan.finally_


def _references(variables: Iterable[str]) -> Group:
    return Group("[", tuple(("", Code(variable)) for variable in variables), "]")
