"""Plan -> the text of a Python file with its flow, for a reader who may go on from there by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from leadagent_prefect.emit.calls import Calls
from leadagent_prefect.emit.code import Code, Group, Node, Text, call, quoted
from leadagent_prefect.emit.docstring import PLAIN, comment, docstring, flow_text, hides_inputs
from leadagent_prefect.emit.layout import lay_out
from leadagent_prefect.emit.names import Names
from leadagent_prefect.emit.signature import Signature, signature
from leadagent_prefect.naming import prefect_name
from leadagent_prefect.plan import Plan, Step

#: Keys of a workflow that say nothing about a run: they stand in prefect.yaml, or at the flow.
_OF_THE_DEPLOYMENT = frozenset({"schedule", "tags", "description"})
_UNCHECKED = "    validate_parameters=False,"
_WHY_UNCHECKED = "the workflow checks them, and nothing acts on them"


@dataclass(frozen=True)
class FlowFile:
    """``text`` is the whole file but for its heading; ``function`` is the name of the flow in it."""

    text: str
    function: str


def flow_file(plan: Plan, *, source: str, code: str | None = None) -> FlowFile:
    """The file of ``plan``.

    ``source`` names the workflow file in comments; ``code`` is the folder of custom agents' classes,
    relative to the folder in which the file will lie, or absolute.
    """
    return _FlowFile(plan, source, code).write()


class _FlowFile:
    def __init__(self, plan: Plan, source: str, code: str | None) -> None:
        self.plan, self.source, self.code = plan, source, code
        names = Names(plan.workflow.inputs)
        self.function = names.take(plan.name, "flow")
        self.run, self.workflow, self.folder = (
            names.take(word, "of_leadagent") for word in ("run", "workflow", "code")
        )
        self.agents = {name: names.take(name, "agent") for name in plan.agents}
        self.tasks = {step.name: names.take(step.name, "task") for step in plan.steps}
        self.calls = Calls(self.agents)

    def write(self) -> FlowFile:
        given = signature(self.plan.workflow.inputs)
        agents = [self._agent(name) for name in self.plan.agents]
        tasks = [self._task(step) for step in self.plan.steps]
        types = [lay_out(f"{name} = ", node) for name, node in given.aliases.items()]
        body = [
            *(["# Who is called.", *agents] if agents else []),
            "# What is called: each task as soon as those have ended that it reads or depends on.",
            *tasks,
            *([self._code()] if self.code is not None else []),
            lay_out(f"{self.workflow} = ", self._workflow()),
            *types,
        ]
        parts = [
            docstring(f"The workflow {quoted(self.plan.name)} as a Prefect flow."),
            self._imports(given),
            *body,
        ]
        return FlowFile("\n\n".join(parts) + f"\n\n\n{self._flow(given)}\n", self.function)

    def _imports(self, given: Signature) -> str:
        engine = ["PLAIN_JSON", "run" if self.run == "run" else f"run as {self.run}"]
        standard = [_import("pathlib", ["Path"])] if self.code is not None else []
        standard.append(_import("typing", {"Any", *given.typing}))
        third = [
            _import("leadagent_prefect.engine.compiled", engine),
            _import("leadagent_prefect.models", self.calls.classes),
            _import("prefect", ["State", "flow"]),
            *([_import("pydantic", given.pydantic)] if given.pydantic else []),
        ]
        return "\n".join(standard) + "\n\n" + "\n".join(third)

    def _agent(self, name: str) -> str:
        return lay_out(f"{self.agents[name]} = ", self.calls.model(self.plan.agents[name]))

    def _task(self, step: Step) -> str:
        more: dict[str, Node] = {}
        if "depends_on" in step.task.model_fields_set:
            known = [
                _task_name(self.tasks[name], name, step.index, self.plan) for name in step.task.depends_on
            ]
            more["depends_on"] = Group("[", tuple(("", node) for node in known), "]")
        lines = [lay_out(f"{self.tasks[step.name]} = ", self.calls.model(step.task, more))]
        return "\n".join([*self._place(step), *lines])

    def _place(self, step: Step) -> list[str]:
        """Where the task stands in the workflow file, and what it waits for."""
        line = self.plan.lines.get(step.name)
        words = [f"{self.source}:{line}"] if line is not None else []
        if step.upstreams:
            words.append(f"after {', '.join(self.tasks[name] for name in step.upstreams)}")
        return [comment("; ".join(words))] if words else []

    def _code(self) -> str:
        return lay_out(
            f"# The folder of the classes of custom agents.\n{self.folder} = Path(__file__).parent / ",
            Text(self.code or ""),
        )

    def _workflow(self) -> Group:
        more: dict[str, Node] = {
            "agents": _references(self.agents.values()),
            "tasks": _references(self.tasks.values()),
        }
        return self.calls.model(self.plan.workflow, more, without=_OF_THE_DEPLOYMENT)

    def _flow(self, given: Signature) -> str:
        workflow = self.plan.workflow
        inputs = workflow.inputs
        notes = {name: config.description for name, config in inputs.items() if config.description}
        apart = bool(notes) and hides_inputs(workflow.description)
        text = flow_text(PLAIN if apart else workflow.description, notes)
        options: dict[str, Node] = {
            "name": Text(prefect_name(self.plan.name)),
            "version": Text(workflow.version),
            "persist_result": Code("True"),
            "result_serializer": Code("PLAIN_JSON"),
            "validate_parameters": Code("False"),
        }
        if apart:
            options["description"] = Text(workflow.description or "")
        arguments: list[tuple[str, Node]] = [
            ("", Code(self.workflow)),
            ("", Group("{", tuple((f"{quoted(name)}: ", Code(name)) for name in inputs), "}")),
            *([("code=", Code(self.folder))] if self.code is not None else []),
        ]
        lines = [
            lay_out("@", call("flow", options)).replace(_UNCHECKED, f"{_UNCHECKED}  # {_WHY_UNCHECKED}"),
            lay_out(f"async def {self.function}", given.parameters, " -> State[Any]:"),
            *([docstring(text, 1)] if text else []),
            lay_out("return await ", Group(f"{self.run}(", tuple(arguments), ")"), depth=1),
        ]
        return "\n".join(lines)


def _task_name(variable: str, name: str, index: int, plan: Plan) -> Node:
    """``fetch.name``; the name itself where the task stands further down the file."""
    return Code(f"{variable}.name") if plan.by_name[name].index < index else Text(name)


def _references(variables: Iterable[str]) -> Group:
    return Group("[", tuple(("", Code(variable)) for variable in variables), "]")


def _import(module: str, names: Iterable[str]) -> str:
    ordered = sorted(names, key=_isort_key)
    return _one_a_line(module, ordered)


def _isort_key(name: str) -> tuple[int, str]:
    """Constants, classes, functions: isort's order, which ruff keeps."""
    word = name.partition(" ")[0]
    return (0 if word.isupper() else 1 if word[0].isupper() else 2, word)


def _one_a_line(module: str, names: list[str]) -> str:
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= 88:
        return line
    return "\n".join([f"from {module} import (", *(f"    {name}," for name in names), ")"])
