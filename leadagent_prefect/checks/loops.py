"""Maps: what they go over, and the keys that are about their items."""

from __future__ import annotations

import re

from leadagent_prefect.checks.context import Context, Part
from leadagent_prefect.checks.scopes import item_names
from leadagent_prefect.diagnostics import quote
from leadagent_prefect.templates import problems, references, whole_expression

_OF_ITEMS = ("as", "key", "max_concurrency", "tolerated_failures")
#: Names of templates that mean something already.
_TAKEN = frozenset(
    {"inputs", "tasks", "secrets", "env", "vars", "run", "workflow", "index", "previous", "result"}
)


def check_loops(context: Context) -> None:
    """Every ``for_each`` goes over something, and what is about items stands beside one."""
    for task in context.tasks:
        if "for_each" not in task.data:
            for key in _OF_ITEMS:
                if key in task.data:
                    message = f"{task.label}: {quote(key)} is about items, and there is no for_each"
                    path = (*task.path, key)
                    context.say("wrong-task-kind", message, path, hint="delete it, or add for_each", key=True)
            continue
        _check_items(context, task)
        _check_name(context, task)
        _check_key(context, task)


def _check_items(context: Context, task: Part) -> None:
    over, path = task.data["for_each"], (*task.path, "for_each")
    if isinstance(over, (list, dict)) or (isinstance(over, str) and problems(over)):
        return
    if not isinstance(over, str):
        message = f"{task.label}: for_each goes over a list or a mapping"
    elif not whole_expression(over):
        message = f"{task.label}: for_each is a text, and goes over a list or a mapping"
    else:
        return
    hint = 'such as "{{ tasks.fetch.result.articles }}", or a list'
    context.say("invalid-loop", message, path, hint=hint)


def _check_name(context: Context, task: Part) -> None:
    name = task.data.get("as")
    if not isinstance(name, str):
        return
    path = (*task.path, "as")
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        hint = "a letter first, then letters, digits and underscores (ASCII)"
        context.say("invalid-loop", f"{task.label}: {quote(name)} can't name an item", path, hint=hint)
    elif name in _TAKEN:
        message = f"{task.label}: {quote(name)} has a meaning of its own in templates"
        context.say("invalid-loop", message, path, hint="choose another name")


def _check_key(context: Context, task: Part) -> None:
    key = task.data.get("key")
    if not isinstance(key, str) or problems(key):
        return
    if set(item_names(task)).isdisjoint(found.root for _, found in references(key)):
        message = f"{task.label}: the key is the same for every item"
        context.say("invalid-loop", message, (*task.path, "key"), hint='such as "{{ item.id }}"')
