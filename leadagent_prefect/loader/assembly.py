"""Document -> Draft: every part is validated by itself, so that none hides the problems of another."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from leadagent_prefect.diagnostics import Diagnostic
from leadagent_prefect.draft import Draft
from leadagent_prefect.loader.complaints import complaints, found
from leadagent_prefect.loader.keys import UNSUPPORTED, example
from leadagent_prefect.models import AgentConfig, InputConfig, TaskConfig, Workflow, WorkflowSettings
from leadagent_prefect.source import Document, Path
from leadagent_prefect.source.limits import MAX_PROBLEMS

M = TypeVar("M", bound=BaseModel)

MAX_TASKS = 5_000
MAX_AGENTS = 500
_LISTS = ("agents", "tasks", "on_failure", "finally")


def assemble(document: Document) -> tuple[Draft, list[Diagnostic]]:
    """The draft of a document, and the problems its parts have by themselves."""
    assembly = _Assembly(document)
    if isinstance(document.data, Mapping):
        assembly.build(document.data)
    elif document.data is not None or not document.problems:  # the latter: a document that says null
        message = f"a workflow is a mapping with name, agents and tasks, this is {found(document.data)}"
        assembly.found.append(document.diagnose("wrong-type", message, hint="begin with: name: my_workflow"))
    return assembly.draft, assembly.found


def finish(draft: Draft) -> Workflow:
    """The workflow of a draft without problems."""
    data = {key: value for key, value in draft.document.data.items() if not key.startswith("x-")}
    parts: dict[str, list[Any]] = {"agents": list(draft.agents.values()), "tasks": list(draft.tasks.values())}
    return Workflow.model_validate(data | parts, by_alias=True, by_name=False)


class _Assembly:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.draft = Draft(document, broken=set(document.unread))
        self.found: list[Diagnostic] = []

    def build(self, data: Mapping[str, Any]) -> None:
        settings = {k: v for k, v in data.items() if k not in _LISTS and not k.startswith("x-")}
        self.draft.settings = self.part(WorkflowSettings, settings, ())
        agents = self.entries(data, "agents", AgentConfig, "too-many-agents", MAX_AGENTS)
        tasks = self.entries(data, "tasks", TaskConfig, "too-many-tasks", MAX_TASKS)
        self.draft.agents, self.draft.tasks = agents, tasks
        self.draft.on_failure = self.entries(data, "on_failure", TaskConfig, "too-many-tasks", MAX_TASKS)
        self.draft.finally_ = self.entries(data, "finally", TaskConfig, "too-many-tasks", MAX_TASKS)
        self.draft.agent_names = self.names(data, "agents")
        self.draft.task_names = self.names(data, "tasks")
        if "tasks" not in data or data["tasks"] == []:
            self.without_tasks("tasks" in data)

    def without_tasks(self, empty: bool) -> None:
        message = "a workflow needs at least one task" if empty else 'required key "tasks" is missing'
        hint = f"add it, such as: {example(Workflow, 'tasks')}"
        self.draft.broken.add(("tasks",))
        self.found.append(self.document.diagnose("missing-key", message, ("tasks",), hint=hint))

    def names(self, data: Mapping[str, Any], key: str) -> dict[str, Path]:
        items = data.get(key)
        names: dict[str, Path] = {}
        for index, item in enumerate(items if isinstance(items, list) else ()):
            if isinstance(item, dict) and isinstance(item.get("name"), str):
                names.setdefault(item["name"], (key, index))
        return names

    def entries(
        self, data: Mapping[str, Any], key: str, model: type[M], too_many: str, limit: int
    ) -> dict[Path, M]:
        items = data.get(key, [])
        self.unsupported(Workflow, data, (), key)
        if not isinstance(items, list):
            hint = 'write each as a list item that begins with "- name: "'
            self.complain("wrong-type", (key,), f"{key} is {found(items)}, expected a list", hint)
            return {}
        if len(items) > limit:
            self.complain(too_many, (key,), f"{len(items):,} {key}, at most {limit:,} are allowed")
            return {}
        made = {(key, index): self.part(model, item, (key, index)) for index, item in enumerate(items)}
        return {path: part for path, part in made.items() if part is not None}

    def complain(self, code: str, path: Path, message: str, hint: str | None = None) -> None:
        self.draft.broken.add(path)
        if path not in self.document.unread:
            self.found.append(self.document.diagnose(code, message, path, hint=hint))

    def part(self, model: type[M], value: Any, path: Path) -> M | None:
        """A model of the value; where the value is broken, of what is left without its broken keys."""
        unbuilt = UNSUPPORTED.get(model, frozenset())
        for key in unbuilt.intersection(value if isinstance(value, dict) else ()):
            self.unsupported(model, value, path, key)
        try:
            return model.model_validate(value, by_alias=True, by_name=False)
        except ValidationError as error:
            if len(self.found) > MAX_PROBLEMS:
                self.draft.broken.add(path)
                return None
            keys: set[str] = set()
            for diagnostic, place in islice(
                complaints(error, model, value, path, self.document), MAX_PROBLEMS
            ):
                key = str(place[len(path)]) if len(place) > len(path) else ""
                keys.add(key)
                self.draft.broken.add(place[: 2 if place[:1] == ("inputs",) else len(path) + 1])
                # A key that can't be used yet need not be right.
                if key not in unbuilt and place not in self.document.unread:
                    self.found.append(diagnostic)
            return _stand_in(model, value, keys, path)

    def unsupported(self, model: type[BaseModel], value: Mapping[str, Any], path: Path, key: str) -> None:
        if key not in value or key not in UNSUPPORTED[model]:
            return
        message = f'key "{key}" is not supported yet: this version of leadagent does not run it'
        place = (*path, key)
        self.draft.broken.add(place)
        self.found.append(
            self.document.diagnose("not-supported-yet", message, place, at="key", hint="take it out")
        )


def _stand_in(model: type[M], value: Any, broken: set[str], path: Path) -> M | None:
    if not isinstance(value, dict):
        return None
    whole = {key: item for key, item in value.items() if key not in broken}
    whole.setdefault("name", f"{path[0]}[{path[1]}]" if path else "workflow")
    if "inputs" in broken and isinstance(value["inputs"], dict):
        whole["inputs"] = {name: _input(config) for name, config in value["inputs"].items()}
    try:
        return model.model_validate(whole, by_alias=True, by_name=False)
    except ValidationError:
        return None


def _input(config: Any) -> Any:
    """An input as declared where it is one of its own, so that only the broken ones are forgotten."""
    try:
        return InputConfig.model_validate(config)
    except ValidationError:
        return InputConfig(type="string")
