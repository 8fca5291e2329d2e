"""Tasks: what each calls, and how it is tried again."""

from __future__ import annotations

from typing import Any

from leadagent_prefect.checks.context import Context, Part
from leadagent_prefect.checks.kinds import KINDS
from leadagent_prefect.diagnostics import quote
from leadagent_prefect.models import RetryConfig
from leadagent_prefect.source import Path

_MANY = 100
#: Keys of tasks that call no agent.
_OTHERS = frozenset(KINDS) - {"agent_name"}


def check_calls(context: Context) -> None:
    """A task names a defined agent and an action; an agent is called by some task."""
    for task in context.tasks:
        if not _OTHERS.intersection(task.data):
            _check_call(context, task)
    owners = {task.path: task for task in context.tasks}
    for undo in context.undos:
        _check_undo(context, undo, owners[undo.path[:-1]])
    calling = [task for task in context.tasks if not _OTHERS.intersection(task.data)]
    calling += context.undos
    if not context.tasks or not all(_names_agent(context, task) for task in calling):
        return  # the task that is wrong may mean the agent that no other one calls
    named = {task.data["agent_name"] for task in calling}
    for agent in context.agents:
        if agent.name is not None and agent.name not in named and context.agent_of[agent.name] is agent:
            message, path = f"{agent.label} is called by no task", (*agent.path, "name")
            context.say("unused-agent", message, path, hint="delete it, or name it in a task")


def _names_agent(context: Context, task: Part) -> bool:
    name = task.data.get("agent_name")
    return isinstance(name, str) and name in context.draft.agent_names


def _check_call(context: Context, task: Part) -> None:
    name = task.data.get("agent_name")
    if "agent_name" not in task.data:
        hint = context.near("", context.draft.agent_names, "add agent_name; defined")
        context.say(
            "missing-key", f"{task.label} names no agent to call", (*task.path, "agent_name"), hint=hint
        )
    elif isinstance(name, str) and name not in context.draft.agent_names and "{{" not in name:
        message = f"{task.label} uses agent {quote(name)}, which is not defined"
        hint = context.near(name, context.draft.agent_names)
        context.say("unknown-agent", message, (*task.path, "agent_name"), hint=hint)
    if "action" not in task.data and "agent_name" in task.data:
        example = (
            "add it, such as: action: GET (http_api), chat_completion (ai_agent), call_tool (mcp_server)"
        )
        context.say("missing-key", f"{task.label} has no action", (*task.path, "action"), hint=example)


def _check_undo(context: Context, undo: Part, task: Part) -> None:
    """What undoes a task calls an agent: one that it names, otherwise the task's own."""
    name, path = undo.data.get("agent_name"), (*undo.path, "agent_name")
    if name is None and _OTHERS.intersection(task.data):
        message = f"{undo.label} names no agent to call, and the task calls none"
        hint = context.near("", context.draft.agent_names, "add agent_name; defined")
        context.say("missing-key", message, path, hint=hint)
    elif (
        isinstance(name, str)
        and name not in context.draft.agent_names
        and name != task.data.get("agent_name")
    ):
        message = f"{undo.label} uses agent {quote(name)}, which is not defined"
        hint = context.near(name, context.draft.agent_names)
        context.say("unknown-agent", message, path, hint=hint)


def check_retries(context: Context) -> None:
    """Retries that were hardly meant: hundreds of attempts, a first delay above the longest."""
    for path, agent in context.draft.agents.items():
        if agent.retry_config is not None:
            _check_retry(context, agent.retry_config, (*path, "retry_config"), {})
    for path, task in context.draft.tasks.items():
        if task.retry_config is not None:
            below = _below(context, task.agent_name)
            _check_retry(context, task.retry_config, (*path, "retry_config"), below)
        if task.compensate is not None and task.compensate.retry_config is not None:
            below = _below(context, task.compensate.agent_name or task.agent_name)
            _check_retry(context, task.compensate.retry_config, (*path, "compensate", "retry_config"), below)


def _below(context: Context, agent_name: str | None) -> dict[str, Any]:
    part = context.agent_of.get(agent_name or "")
    owner = context.draft.agents.get(part.path) if part else None
    return _given(owner.retry_config) if owner else {}


def _given(retry: RetryConfig | None) -> dict[str, Any]:
    return retry.model_dump(exclude_unset=True) if retry else {}


def _check_retry(context: Context, retry: RetryConfig, path: Path, below: dict[str, Any]) -> None:
    """``below`` is the agent's configuration, over which the task's is laid key by key."""
    own = _given(retry)
    merged = RetryConfig.model_construct(**{**below, **own})
    if own.get("max_attempts", 0) > _MANY:
        message = f"{retry.max_attempts} attempts: a service that is down is called that often"
        context.say("many-attempts", message, (*path, "max_attempts"), hint=f"usually far fewer than {_MANY}")
    if merged.initial_delay > merged.max_delay and own.keys() & {"initial_delay", "max_delay"}:
        key = "initial_delay" if "initial_delay" in own else "max_delay"
        message = (
            f"initial_delay ({merged.initial_delay:g} s) is above max_delay ({merged.max_delay:g} s), "
            "which every delay then is"
        )
        context.say("delay-above-max", message, (*path, key), hint="raise max_delay or lower initial_delay")


def check_success(context: Context) -> None:
    """``min_success`` is of a strategy that looks at it, and can be reached."""
    settings = context.draft.settings
    if settings is None or settings.min_success is None:
        return
    path: Path = ("min_success",)
    if settings.failure_strategy != "partial_completion_allowed" and not context.draft.is_broken(
        "failure_strategy"
    ):
        message = f"min_success has no effect with failure_strategy {settings.failure_strategy}"
        context.say("min-success-unused", message, path, hint="failure_strategy: partial_completion_allowed")
    count = len(context.scopes.at["tasks",].parts)
    if isinstance(settings.min_success, int) and settings.min_success > count:
        message = f"min_success is {settings.min_success}, more than the number of tasks"
        context.say("min-success-too-high", message, path, hint=f'at most {count}, or a percentage: "80%"')
