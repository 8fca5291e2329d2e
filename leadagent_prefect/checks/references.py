"""Templates: what they may say, where they may stand, and what they refer to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from leadagent_prefect.checks.context import Context, Part, strings
from leadagent_prefect.checks.judgement import judge
from leadagent_prefect.checks.scopes import Scope, item_names
from leadagent_prefect.source import Path
from leadagent_prefect.templates import Reference, problems, references

_AGENT = ("env", "inputs", "secrets", "vars")
#: What is stored in clear sees no secrets.
_STORED = ("env", "inputs", "run", "tasks", "vars", "workflow")
_TASK = (*_STORED, "secrets")
#: The keys of a task whose strings are templates, but for those that see something of their own.
_PLAIN = ("when", "value", "fail", "finish")

#: Parsing so many templates takes some seconds; no file that someone has written has more.
_MOST = 20_000


class Read(NamedTuple):
    """A task's template reads another task, which ``scope`` knows by that name: ``place`` is offset and
    length in the string at ``path``.
    """

    task: Part
    target: str
    path: Path
    place: tuple[int, int]
    scope: Scope


class _Spot(NamedTuple):
    """A value with templates: where it stands, and the names that it sees."""

    value: Any
    path: Path
    names: tuple[str, ...]
    scope: Scope


def check_templates(context: Context) -> list[Read]:
    """Every template of the file, and what tasks read of one another."""
    main = context.scopes.at["tasks",]
    for agent in context.agents:
        for key, value in agent.data.items():
            if key not in ("name", "type"):
                _check(context, agent, _Spot(value, (*agent.path, key), _AGENT, main))
    reads = [
        Read(task, str(found.path[0]), path, (found.offset, found.length), spot.scope)
        for task in context.tasks
        for spot in _spots(context, task)
        for path, found in _check(context, task, spot)
        if found.root == "tasks" and found.path and isinstance(found.path[0], str)
    ]
    _check_undos(context)
    outputs = Part(("outputs",), {}, None, "outputs")
    _check(context, outputs, _Spot(context.data.get("outputs"), ("outputs",), _STORED, main))
    if context.templates > _MOST:
        message = f"more than {_MOST:,} strings with templates"
        context.say("too-many-templates", message, ("tasks",), hint="those behind are not checked", key=True)
    return reads


def _spots(context: Context, task: Part) -> Iterator[_Spot]:
    """All of a task that may be templates. What undoes it is apart: it comes last, and waits for nothing."""
    data, path, scope = task.data, task.path, context.scopes.of(task)
    outer = _names_around(context, task, rounds=True)
    items = (*item_names(task), *outer)
    rounds = (*items, "previous") if "repeat" in data else items
    for key in _PLAIN:
        if key in data:
            yield _Spot(data[key], (*path, key), (*_STORED, *items), scope)
    if "for_each" in data:  # a key without it is out of place, whatever it reads
        yield _Spot(data["for_each"], (*path, "for_each"), (*_STORED, *outer), scope)
        yield _Spot(data.get("key"), (*path, "key"), (*_STORED, *items), scope)
    yield _Spot(data.get("parameters"), (*path, "parameters"), (*_TASK, *rounds), scope)
    yield _Spot(data.get("inputs"), (*path, "inputs"), (*_STORED, *rounds), scope)
    if isinstance(repeat := data.get("repeat"), dict):
        place = (*path, "repeat", "until")
        yield _Spot(repeat.get("until"), place, (*_STORED, *rounds, "result"), scope)
    if "outputs" in data:
        inner = context.scopes.at.get((*path, "tasks"), scope)
        yield _Spot(data["outputs"], (*path, "outputs"), (*_STORED, *rounds), inner)


def _check_undos(context: Context) -> None:
    """What undoes a task sees all that the task does, but for the round, and its result; what it reads is no
    dependency.
    """
    tasks = {task.path: task for task in context.tasks}
    for undo in context.undos:
        task = tasks[undo.path[:-1]]
        names = (*_TASK, "result", *item_names(task), *_names_around(context, task, rounds=False))
        place = (*undo.path, "parameters")
        _check(context, undo, _Spot(undo.data.get("parameters"), place, names, context.scopes.of(task)))


def _names_around(context: Context, task: Part, *, rounds: bool) -> tuple[str, ...]:
    """What a task sees of the items, and with ``rounds`` of the rounds, of the tasks in which it stands."""
    names: list[str] = []
    for owner in context.scopes.around(task):
        names += item_names(owner)
        names += ["previous"] if rounds and "repeat" in owner.data else []
    return tuple(names)


def _check(context: Context, part: Part, spot: _Spot) -> list[tuple[Path, Reference]]:
    """The references of a value, those that are wrong too."""
    read: list[tuple[Path, Reference]] = []
    for place, text in strings(spot.value, spot.path):
        context.templates += 1
        if context.templates > _MOST:
            break
        for problem in problems(text):
            context.say(
                problem.code,
                f"{part.label}: {problem.message}",
                place,
                hint=problem.hint,
                place=(problem.offset, problem.length),
            )
        for _, found in references(text):
            read.append((place, found))
            if (complaint := judge(context, part, found, spot.names, spot.scope)) is not None:
                code, message, hint = complaint
                where = (found.offset, found.length)
                context.say(code, f"{part.label}: {message}", place, hint=hint, place=where)
    return read
