"""Tasks that run until an expression is true."""

from __future__ import annotations

from collections.abc import Mapping

from leadagent_prefect.checks.context import Context, Part
from leadagent_prefect.templates import problems, references, whole_expression

#: What differs from round to round.
_CHANGING = frozenset({"previous", "result"})


def check_repeats(context: Context) -> None:
    """Every ``repeat`` can come to an end, and each of its rounds makes a call."""
    for task in context.tasks:
        if isinstance(repeat := task.data.get("repeat"), Mapping):
            _check_until(context, task, repeat.get("until"))
            _check_reuse(context, task)


def _check_until(context: Context, task: Part, until: object) -> None:
    if not isinstance(until, str) or problems(until):
        return
    hint = "such as \"{{ result.state == 'DONE' }}\""
    if not whole_expression(until):
        message = f"{task.label}: until is a text, and not one expression that is true or false"
    elif _CHANGING.isdisjoint(found.root for _, found in references(until)):
        message = f"{task.label}: until is the same after every round, since it reads no result"
    else:
        return
    context.say("invalid-repeat", message, (*task.path, "repeat", "until"), hint=hint)


def _check_reuse(context: Context, task: Part) -> None:
    given = [task.data.get("parameters"), task.data.get("inputs")]
    if "cache" not in task.data or any(found.root == "previous" for _, found in references(given)):
        return
    message = f"{task.label}: every round is the same call, so all but the first are answered from the cache"
    context.say("conflicting-keys", message, (*task.path, "cache"), hint="take cache out", key=True)
