"""A reference of a template: whether there is what it names, and whether it may be named here."""

from __future__ import annotations

from typing import Any

from leadagent_prefect.checks.context import Context, Part
from leadagent_prefect.checks.scopes import Scope
from leadagent_prefect.diagnostics import quote
from leadagent_prefect.templates import Reference

#: Code, message and hint.
Complaint = tuple[str, str, str | None]

#: Namespaces that are read name by name: what is read is known before anything runs.
_NAMED = {"env": "X", "secrets": "X", "vars": "X", "tasks": "NAME.result"}
_FIELDS = {
    "tasks": ("error", "error_class", "errors", "metadata", "result", "status"),
    "run": ("id", "name", "started_at"),
    "workflow": ("name", "version"),
}
#: How the run has ended: to be read when it has.
_AT_END = ("error", "failed_tasks", "status")
#: Names of the language that are not for everywhere, and where they are.
_ELSEWHERE = {
    "tasks": "an agent is the same for all tasks; use parameters of the task",
    "run": "use it in parameters of a task or in outputs",
    "workflow": "use it in parameters of a task or in outputs",
    "secrets": "what stands here is stored in clear; secrets are for agents and parameters",
    "item": "it is there in a task with for_each",
    "index": "it is there in a task with for_each",
    "previous": "it is there in a task with repeat, in its parameters, inputs, tasks and until",
    "result": "it is there in repeat and compensate; elsewhere write tasks.NAME.result",
}
_NULLS = frozenset({"null", "Null", "NULL", "nil", "undefined"})


def judge(
    context: Context, part: Part, found: Reference, names: tuple[str, ...], scope: Scope
) -> Complaint | None:
    """What is wrong with a reference of ``part`` where ``names`` are seen, and the tasks of ``scope``."""
    root, path = found.root, found.path
    if root not in names:
        return _of_root(context, root, names, scope)
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
        return _of_task(context, part, path, scope)
    fields = _fields(root, scope)
    if fields is None or first in fields:
        return None
    message = f"`{root}` has no {quote(first)}"
    if root == "run" and first in _AT_END:
        return "unknown-field", f"{message} before it has ended", "it is there in on_failure and finally"
    return "unknown-field", message, context.near(first, fields, "it has")


def _fields(root: str, scope: Scope) -> tuple[str, ...] | None:
    fields = _FIELDS.get(root)
    return (*_AT_END, *fields) if fields and root == "run" and scope.at_end else fields


def _of_root(context: Context, root: str, names: tuple[str, ...], scope: Scope) -> Complaint:
    if root in _ELSEWHERE:
        return "name-not-here", f"`{root}` can't be used here", _ELSEWHERE[root]
    message = f"there is no name {quote(root)}"
    if root in _NULLS:
        return "unknown-name", message, "null is written none"
    if "tasks" in names and scope.holder(root) is not None:
        return "unknown-name", message, f'did you mean "tasks.{root}.result"?'
    if root in _keys(context.data.get("inputs")):
        return "unknown-name", message, f'did you mean "inputs.{root}"?'
    return "unknown-name", message, context.near(root, names, "names")


def _of_task(context: Context, part: Part, path: tuple[str | int, ...], scope: Scope) -> Complaint | None:
    name = str(path[0])
    if scope.holder(name) is None:
        message = f"it reads task {quote(name)}, which is not defined"
        if (why := unseen(context, name)) is not None:
            owner = context.scopes.homes[name].owner
            if owner is not None and owner.name in scope.seen():
                read = "result" if owner is part else f"tasks.{owner.name}.result"
                why += f": pass it on in outputs there, and read {read}"
            return "unknown-task", f"it can't read task {quote(name)} from here", why
        return "unknown-task", message, context.near(name, scope.seen())
    field = path[1] if len(path) > 1 else "result"
    if field in _FIELDS["tasks"]:
        return None
    message = f"a task has no {quote(str(field))}"
    return "unknown-field", message, context.near(str(field), _FIELDS["tasks"], "it has")


def unseen(context: Context, name: str) -> str | None:
    """Where a task is seen that is not seen everywhere; None where there is none of that name."""
    home = context.scopes.homes.get(name)
    if home is None:
        return None
    if home.owner is None:
        return f"it is one of {home.path[0]}, whose tasks are seen by one another alone"
    return f"it stands in {home.owner.label}, and is seen there alone"


def _keys(value: Any) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, dict) else ()
