"""What kind of task each is, and what may stand beside that."""

from __future__ import annotations

from leadagent_prefect.checks.context import Context, Part
from leadagent_prefect.diagnostics import quote
from leadagent_prefect.templates import problems, whole_expression

#: The keys that say what a task does: it has one of them.
KINDS = ("agent_name", "workflow", "tasks", "value", "wait", "fail", "finish")
_WITHOUT_AGENT = frozenset({"value", "wait", "fail", "finish"})
#: What a task that calls nobody may have, beside its kind.
_GENERAL = frozenset(
    {
        *("name", "description", "depends_on", "when", "trigger_rule", "continue_on_failure"),
        *("for_each", "as", "key", "max_concurrency", "tolerated_failures"),
    }
)
#: What means nothing for a task that always fails.
_COMPLETED = frozenset({"continue_on_failure", "compensate"})


def check_kinds(context: Context) -> None:
    """Every task is of one kind, with keys that mean something for it."""
    for task in context.tasks:
        given = [kind for kind in KINDS if kind in task.data]
        if len(given) > 1:
            message = f"{task.label} has both {given[0]} and {given[1]}"
            context.say(
                "conflicting-keys", message, (*task.path, given[1]), hint="keep one of them", key=True
            )
        elif given and given[0] in _WITHOUT_AGENT:
            _check_keys(context, task, given[0])
        _check_rule(context, task)
        _check_condition(context, task)


def _check_keys(context: Context, task: Part, kind: str) -> None:
    known = {*_GENERAL, kind, "compensate"} - (_COMPLETED if kind == "fail" else set())
    for key in task.data:
        if key not in known:
            message = f"{task.label}: {quote(key)} means nothing for a task with {kind}"
            hint = f"delete it; beside {kind} there may be depends_on, when, trigger_rule and for_each"
            context.say("wrong-task-kind", message, (*task.path, key), hint=hint, key=True)


def _check_rule(context: Context, task: Part) -> None:
    rule = task.data.get("trigger_rule")
    if rule in (None, "all_success") or task.name is None or context.waits_for(task):
        return
    message = f"{task.label} waits for no task, so there is nothing for its trigger_rule to look at"
    hint = "name the tasks in depends_on, or delete trigger_rule"
    context.say("rule-without-dependencies", message, (*task.path, "trigger_rule"), hint=hint)


def _check_condition(context: Context, task: Part) -> None:
    condition = task.data.get("when")
    if not isinstance(condition, str) or problems(condition) or whole_expression(condition):
        return
    message = f"{task.label}: when is a text, and not one expression that is true or false"
    bare = " ".join(condition.replace("{{", "").replace("}}", "").split())
    whole = f"{{{{ {bare} }}}}"
    hint = "write all of it between one pair of braces" + ("" if problems(whole) else f': "{whole}"')
    context.say("invalid-condition", message, (*task.path, "when"), hint=hint)
