"""Trigger rules: how the tasks must have ended that a task waits for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from leadagent_prefect.checks.context import Context
from leadagent_prefect.checks.dependencies import Graph
from leadagent_prefect.checks.references import Read
from leadagent_prefect.source import Path


def check_rules(context: Context, graphs: Mapping[Path, Graph], reads: Iterable[Read]) -> None:
    """A trigger rule has something to look at."""
    # Who reads what is not there, which is reported, meant to wait for something.
    unclear = {read.task.path for read in reads if read.scope.holder(read.target) is None}
    for scope in context.scopes.at.values():
        for task in scope.parts:
            if task.data.get("trigger_rule") in (None, "all_success") or task.name is None:
                continue
            waits = task.data.get("depends_on") or task.path in unclear
            if not waits and not graphs[scope.path][task.name]:
                message = (
                    f"{task.label} waits for no task, so there is nothing for its trigger_rule to look at"
                )
                hint = "name the tasks in depends_on, or delete trigger_rule"
                context.say("rule-without-dependencies", message, (*task.path, "trigger_rule"), hint=hint)
