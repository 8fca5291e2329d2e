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
from leadagent_prefect.source.document import path_text
from leadagent_prefect.source.limits import MAX_PROBLEMS

M = TypeVar("M", bound=BaseModel)

MAX_TASKS = 5_000
MAX_AGENTS = 500
_TASKS = ("tasks", "on_failure", "finally")
_LISTS = ("agents", *_TASKS)


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
    parts: dict[str, list[Any]] = {"agents": list(draft.agents.values())}
    parts |= {key: _whole(draft, data[key], (key,)) for key in _TASKS if key in data}
    return Workflow.model_validate(data | parts, by_alias=True, by_name=False)


def _whole(draft: Draft, items: list[Any], path: Path) -> list[TaskConfig]:
    """The tasks of a list, with those that stand within them."""
    tasks = []
    for index, item in enumerate(items):
        place: Path = (*path, index)
        task, inner = draft.tasks[place], item.get("tasks")
        if inner is not None:
            task = task.model_copy(update={"tasks": _whole(draft, inner, (*place, "tasks"))})
        tasks.append(task)
    return tasks


class _Assembly:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.draft = Draft(document, broken=set(document.unread))
        self.found: list[Diagnostic] = []

    def build(self, data: Mapping[str, Any]) -> None:
        settings = {k: v for k, v in data.items() if k not in _LISTS and not k.startswith("x-")}
        self.draft.settings = self.part(WorkflowSettings, settings, ())
        self.draft.agents = self.agents(data)
        self.draft.agent_names = self.names(data, "agents")
        self.draft.task_names = self.names(data, "tasks")
        for key in _TASKS:
            self.unsupported(Workflow, data, (), key)
        if (count := sum(_count(data.get(key)) for key in _TASKS)) > MAX_TASKS:
            self.draft.broken |= {(key,) for key in _TASKS}
            self.say("too-many-tasks", ("tasks",), f"{count:,} tasks, at most {MAX_TASKS:,} are allowed")
            return
        for key in _TASKS:
            self.tasks(data.get(key, []), (key,))
        if "tasks" not in data or data["tasks"] == []:
            self.without_tasks("tasks" in data)

    def without_tasks(self, empty: bool) -> None:
        message = "a workflow needs at least one task" if empty else 'required key "tasks" is missing'
        self.complain("missing-key", ("tasks",), message, f"add it, such as: {example(Workflow, 'tasks')}")

    def agents(self, data: Mapping[str, Any]) -> dict[Path, AgentConfig]:
        items = self.items(data.get("agents", []), ("agents",))
        if len(items) > MAX_AGENTS:
            message = f"{len(items):,} agents, at most {MAX_AGENTS:,} are allowed"
            self.complain("too-many-agents", ("agents",), message)
            return {}
        made = {("agents", n): self.part(AgentConfig, item, ("agents", n)) for n, item in enumerate(items)}
        return {path: part for path, part in made.items() if part is not None}

    def tasks(self, items: Any, path: Path) -> None:
        """The tasks of a list, and those that stand within them, each by itself."""
        for index, item in enumerate(self.items(items, path)):
            place = (*path, index)
            inner = isinstance(item, dict) and "tasks" in item
            alone = {key: value for key, value in item.items() if key != "tasks"} if inner else item
            task = self.part(TaskConfig, alone, place)
            if task is not None:
                self.draft.tasks[place] = task
            if inner:
                self.inner_tasks(item, place)

    def inner_tasks(self, item: Mapping[str, Any], path: Path) -> None:
        place = (*path, "tasks")
        self.unsupported(TaskConfig, item, path, "tasks")
        if place in self.draft.broken:
            return
        if item["tasks"] == []:
            hint = "add one, or take the key out"
            self.complain("missing-key", place, f"{path_text(place)} needs at least one task", hint)
        else:
            self.tasks(item["tasks"], place)

    def names(self, data: Mapping[str, Any], key: str) -> dict[str, Path]:
        items = data.get(key)
        names: dict[str, Path] = {}
        for index, item in enumerate(items if isinstance(items, list) else ()):
            if isinstance(item, dict) and isinstance(item.get("name"), str):
                names.setdefault(item["name"], (key, index))
        return names

    def items(self, items: Any, path: Path) -> list[Any]:
        if isinstance(items, list):
            return items
        hint = 'write each as a list item that begins with "- name: "'
        self.complain("wrong-type", path, f"{path_text(path)} is {found(items)}, expected a list", hint)
        return []

    def complain(self, code: str, path: Path, message: str, hint: str | None = None) -> None:
        self.draft.broken.add(path)
        self.say(code, path, message, hint)

    def say(self, code: str, path: Path, message: str, hint: str | None = None) -> None:
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
        if key not in value or key not in UNSUPPORTED.get(model, ()):
            return
        message = f'key "{key}" is not supported yet: this version of leadagent does not run it'
        place = (*path, key)
        self.draft.broken.add(place)
        self.found.append(
            self.document.diagnose("not-supported-yet", message, place, at="key", hint="take it out")
        )


def _count(items: Any) -> int:
    """How many tasks a list has, with those that stand within them."""
    tasks = items if isinstance(items, list) else ()
    return len(tasks) + sum(_count(task.get("tasks")) for task in tasks if isinstance(task, dict))


def _stand_in(model: type[M], value: Any, broken: set[str], path: Path) -> M | None:
    if not isinstance(value, dict):
        return None
    whole = {key: item for key, item in value.items() if key not in broken}
    whole.setdefault("name", path_text(path) or "workflow")
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
