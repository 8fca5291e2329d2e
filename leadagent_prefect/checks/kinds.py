"""What kind of task each is, and what may stand beside that."""

from __future__ import annotations

from collections.abc import Iterable

from leadagent_prefect.checks.context import Context, Part
from leadagent_prefect.diagnostics import quote
from leadagent_prefect.templates import problems, whole_expression

#: The keys that say what a task does: it has one of them.
KINDS = ("agent_name", "workflow", "tasks", "value", "wait", "fail", "finish")
#: What every task may have, beside its kind.
_GENERAL = frozenset(
    {
        *("name", "description", "depends_on", "when", "trigger_rule", "continue_on_failure"),
        *("for_each", "as", "key", "max_concurrency", "tolerated_failures", "compensate"),
    }
)
#: What a task with tasks of its own may have besides.
_AROUND = frozenset({"timeout", "retry_config", "repeat", "output_schema"})
_ALLOWED = {
    "workflow": _GENERAL | _AROUND | {"inputs", "cache"},
    "tasks": _GENERAL | _AROUND | {"outputs"},
    "value": _GENERAL,
    "wait": _GENERAL,
    # What always fails is neither tolerated nor undone.
    "fail": _GENERAL - {"continue_on_failure", "compensate"},
    "finish": _GENERAL,
}
#: What is of one kind alone, and what to do about it elsewhere.
_OF_ONE = {
    "inputs": ("workflow", "what an agent is given stands under parameters"),
    "outputs": ("tasks", "it is the result of tasks written in place; those of the run stand at the top"),
}
_HINTS = {
    "workflow": "the tasks of that file have agents and parameters of their own; it is given inputs",
    "tasks": "put it into the tasks that stand in it",
}
_CACHED = "a result of calls is reused call by call: give cache to the tasks that stand in it"


def check_kinds(context: Context) -> None:
    """Every task is of one kind, with keys that mean something for it."""
    for task in context.tasks:
        given = [kind for kind in KINDS if kind in task.data]
        if len(given) > 1:
            message = f"{task.label} has both {given[0]} and {given[1]}"
            context.say(
                "conflicting-keys", message, (*task.path, given[1]), hint="keep one of them", key=True
            )
        elif given:
            _check_keys(context, task, given[0])
        _check_given(context, task)
        _check_condition(context, task)
    for task in context.scopes.at_end:
        _check_at_end(context, task)


def _check_keys(context: Context, task: Part, kind: str) -> None:
    if kind == "agent_name":
        keys: Iterable[str] = [key for key in _OF_ONE if key in task.data]
    else:
        keys = [key for key in task.data if key not in _ALLOWED[kind] and key != kind]
    for key in keys:
        message = f"{task.label}: {quote(key)} means nothing for a task with {kind}"
        hint = f"delete it; beside {kind} there may be depends_on, when, trigger_rule and for_each"
        if key in _OF_ONE:
            hint = f"it is of {_OF_ONE[key][0]}: {_OF_ONE[key][1]}"
        elif kind in _HINTS:
            hint = _CACHED if key == "cache" else _HINTS[kind]
        context.say("wrong-task-kind", message, (*task.path, key), hint=hint, key=True)


def _check_given(context: Context, task: Part) -> None:
    """An empty key says what kind a task is, and not what it does. A value may be null."""
    for key in ("agent_name", "action", "workflow", "wait", "fail", "finish"):
        if key in task.data and task.data[key] is None:
            path = (*task.path, key)
            hint = "write a value, or delete the key"
            context.say("wrong-type", f"{task.label}: {key} is empty", path, hint=hint)


def _check_at_end(context: Context, task: Part) -> None:
    """Of those that run at the end, or stand in one that does: the run has ended before them."""
    if "compensate" in task.data:
        message = f"{task.label} runs when all else has ended, and nothing is undone after that"
        path = (*task.path, "compensate")
        context.say("wrong-task-kind", message, path, hint="take it out", key=True)
    if "finish" in task.data and context.scopes.of(task).owner is None:
        message = f"{task.label} runs when all else has ended: there is nothing left to finish"
        context.say("wrong-task-kind", message, (*task.path, "finish"), hint="delete the task", key=True)


def _check_condition(context: Context, task: Part) -> None:
    condition = task.data.get("when")
    if not isinstance(condition, str) or problems(condition) or whole_expression(condition):
        return
    message = f"{task.label}: when is a text, and not one expression that is true or false"
    bare = " ".join(condition.replace("{{", "").replace("}}", "").split())
    whole = f"{{{{ {bare} }}}}"
    hint = "write all of it between one pair of braces" + ("" if problems(whole) else f': "{whole}"')
    context.say("invalid-condition", message, (*task.path, "when"), hint=hint)
