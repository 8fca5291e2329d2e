"""Tasks with ``cache``: what is answered from a cache is not done."""

from __future__ import annotations

from collections.abc import Mapping

from leadagent_prefect.checks.context import Context, Part

#: POST is not among them: searches are sent with it.
_CHANGING = ("DELETE", "PATCH", "PUT")


def check_reuse(context: Context) -> None:
    """A task whose result may be another call's changes nothing, as far as the file tells."""
    for task in context.tasks:
        if "cache" not in task.data:
            continue
        if task.data.get("compensate") is not None:
            _say(context, task, "has a call that undoes it")
        elif (method := _method(context, task)) in _CHANGING:
            _say(context, task, f"is sent as {method}")


def _say(context: Context, task: Part, why: str) -> None:
    message = f"{task.label} {why}, and so changes something, which a reused result does not do again"
    context.say("cached-write", message, (*task.path, "cache"), hint="take cache out", key=True)


def _method(context: Context, task: Part) -> str | None:
    """That of an HTTP request, where it is written out."""
    name, parameters = task.data.get("agent_name"), task.data.get("parameters")
    agent = context.agent_of.get(name) if isinstance(name, str) else None
    if agent is None or agent.data.get("type") != "http_api":
        return None
    given = parameters.get("method") if isinstance(parameters, Mapping) else None
    return str(given or task.data.get("action")).upper()
