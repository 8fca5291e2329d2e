"""Templates: what they may say, where they may stand, and what they refer to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from leadagent_prefect.checks.context import TEMPLATED, Context, Part, strings
from leadagent_prefect.diagnostics import quote
from leadagent_prefect.source import Path
from leadagent_prefect.templates import Reference, problems, references

_AGENT = ("env", "inputs", "secrets", "vars")
_TASK = ("env", "inputs", "run", "secrets", "tasks", "vars", "workflow")
_STORED = ("env", "inputs", "run", "tasks", "vars", "workflow")
_OUTPUT = ("env", "inputs", "run", "tasks", "vars", "workflow")
#: Namespaces that are read name by name: what is read is known before anything runs.
_NAMED = {"env": "X", "secrets": "X", "vars": "X", "tasks": "NAME.result"}
_FIELDS = {
    "tasks": ("error", "error_class", "errors", "metadata", "result", "status"),
    "run": ("id", "name", "started_at"),
    "workflow": ("name", "version"),
}
#: Names of the language that are not for everywhere, and where they are.
_ELSEWHERE = {
    "tasks": "an agent is the same for all tasks; use parameters of the task",
    "run": "use it in parameters of a task or in outputs",
    "workflow": "use it in parameters of a task or in outputs",
    "secrets": "what stands here is stored in clear; secrets are for agents and parameters",
    "item": "it is there in a task with for_each",
    "index": "it is there in a task with for_each",
    "previous": "it is there in a task with repeat",
    "result": "it is there in repeat and compensate; elsewhere write tasks.NAME.result",
}


_NULLS = frozenset({"null", "Null", "NULL", "nil", "undefined"})

#: Parsing so many templates takes some seconds; no file that someone has written has more.
_MOST = 20_000


class Read(NamedTuple):
    """A task's template reads another task: ``place`` is offset and length in the string at ``path``."""

    task: Part
    target: str
    path: Path
    place: tuple[int, int]


def check_templates(context: Context) -> list[Read]:
    """Every template of the file, and what tasks read of one another."""
    for agent in context.agents:
        for key, value in agent.data.items():
            if key not in ("name", "type"):
                _check(context, agent, value, (*agent.path, key), _AGENT)
    reads: list[Read] = []
    for task in context.tasks:
        for key in TEMPLATED:
            names = _TASK if key == "parameters" else _STORED
            names = names if key == "for_each" else (*names, *_loop_names(task))
            for place, found in _check(context, task, task.data.get(key), (*task.path, key), names):
                if found.root == "tasks" and found.path and isinstance(found.path[0], str):
                    reads.append(Read(task, found.path[0], place, (found.offset, found.length)))
    _check_undos(context)
    outputs = Part(("outputs",), {}, None, "outputs")
    for _ in _check_lazily(context, outputs, context.data.get("outputs"), ("outputs",), _OUTPUT):
        pass
    _check_places(context)
    if context.templates > _MOST:
        message = f"more than {_MOST:,} strings with templates"
        context.say("too-many-templates", message, ("tasks",), hint="those behind are not checked", key=True)
    return reads


def _check_undos(context: Context) -> None:
    """What undoes a task sees all that the task does and its result; what it reads is no dependency."""
    for undo in context.undos:
        names = (*_TASK, "result", *_loop_names(undo))
        _check(context, undo, undo.data.get("parameters"), (*undo.path, "parameters"), names)


def _loop_names(task: Part) -> Iterator[str]:
    """The names of keys that are reserved: a file that uses them is not told that they are unknown."""
    if "for_each" in task.data:
        yield from ("item", "index", str(task.data.get("as", "item")))
    if "repeat" in task.data:
        yield from ("previous", "result")


def _check(
    context: Context, part: Part, value: Any, path: Path, names: tuple[str, ...]
) -> list[tuple[Path, Reference]]:
    return list(_check_lazily(context, part, value, path, names))


def _check_lazily(
    context: Context, part: Part, value: Any, path: Path, names: tuple[str, ...]
) -> Iterator[tuple[Path, Reference]]:
    for place, text in strings(value, path):
        context.templates += 1
        if context.templates > _MOST:
            return
        for problem in problems(text):
            context.say(
                problem.code,
                f"{part.label}: {problem.message}",
                place,
                hint=problem.hint,
                place=(problem.offset, problem.length),
            )
        for _, found in references(text):
            yield place, found
            if (complaint := _judge(context, found, names)) is not None:
                code, message, hint = complaint
                where = (found.offset, found.length)
                context.say(code, f"{part.label}: {message}", place, hint=hint, place=where)


def _judge(context: Context, found: Reference, names: tuple[str, ...]) -> tuple[str, str, str | None] | None:
    """Code, message and hint of what is wrong with a reference."""
    root, path = found.root, found.path
    if root not in names:
        return _of_root(context, root, names)
    if root in _NAMED and (not path or not isinstance(path[0], str)):
        message = f"`{root}` is read by names that stand in the file"
        return "computed-reference", message, f"write {root}.{_NAMED[root]}"
    if not path:
        return None
    first = str(path[0])
    if root == "inputs":
        known = _keys(context.data.get("inputs"))
        if first in known or context.draft.is_broken("inputs"):
            return None
        return "unknown-input", f"input {quote(first)} is not defined", context.near(first, known)
    if root == "tasks":
        return _of_task(context, path)
    fields = _FIELDS.get(root)
    if fields is None or first in fields:
        return None
    return "unknown-field", f"`{root}` has no {quote(first)}", context.near(first, fields, "it has")


def _of_root(context: Context, root: str, names: tuple[str, ...]) -> tuple[str, str, str | None]:
    if root in _ELSEWHERE:
        return "name-not-here", f"`{root}` can't be used here", _ELSEWHERE[root]
    message = f"there is no name {quote(root)}"
    if root in _NULLS:
        return "unknown-name", message, "null is written none"
    if root in context.draft.task_names and "tasks" in names:
        return "unknown-name", message, f'did you mean "tasks.{root}.result"?'
    if root in _keys(context.data.get("inputs")):
        return "unknown-name", message, f'did you mean "inputs.{root}"?'
    return "unknown-name", message, context.near(root, names, "names")


def _of_task(context: Context, path: tuple[str | int, ...]) -> tuple[str, str, str | None] | None:
    name = str(path[0])
    if name not in context.draft.task_names:
        hint = context.near(name, context.draft.task_names)
        return "unknown-task", f"it reads task {quote(name)}, which is not defined", hint
    field = path[1] if len(path) > 1 else "result"
    if field in _FIELDS["tasks"]:
        return None
    message = f"a task has no {quote(str(field))}"
    return "unknown-field", message, context.near(str(field), _FIELDS["tasks"], "it has")


def _keys(value: Any) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, dict) else ()


def _check_places(context: Context) -> None:
    """A template where none is evaluated would be taken as it is written."""
    for part in context.agents:
        _refuse(context, part, ("name", "type"))
    for part in context.tasks:
        _refuse(context, part, ("name", "agent_name", "action", "depends_on"))
    for part in context.undos:
        _refuse(context, part, ("action",))
    top = Part((), context.data, None, "the workflow")
    _refuse(context, top, ("name", "version", "tags", "schedule", "inputs"))


def _refuse(context: Context, part: Part, keys: tuple[str, ...]) -> None:
    for key in keys:
        for path, text in strings(part.data.get(key), (*part.path, key)):
            if path[-1] != "description":
                start = text.index("{{")
                context.say(
                    "template-not-here",
                    f"{part.label}: a template is not evaluated in {key}",
                    path,
                    hint="templates are evaluated in parameters, when, for_each, key, value, fail, finish, "
                    "outputs and the strings of agents",
                    place=(start, len(text.rstrip()) - start),
                )
