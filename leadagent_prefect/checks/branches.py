"""Branches that exclude each other, and a task that waits for both to complete."""

from __future__ import annotations

from collections.abc import Mapping

from leadagent_prefect.checks.context import Context, Part
from leadagent_prefect.checks.dependencies import Graph
from leadagent_prefect.checks.scopes import item_names
from leadagent_prefect.diagnostics import quote
from leadagent_prefect.source import Path
from leadagent_prefect.templates import references
from leadagent_prefect.templates.conditions import exclude_each_other

#: A task beyond so many conditions is not looked at: comparing them in pairs would take its time.
_MOST = 40


def check_branches(context: Context, graphs: Mapping[Path, Graph]) -> None:
    """A task whose rule wants all to complete must not join tasks of which one is always skipped."""
    for path, scope in context.scopes.at.items():
        _check_scope(context, scope.names, graphs[path])


def _check_scope(context: Context, parts: Mapping[str, Part], waits: Graph) -> None:
    known: dict[str, dict[str, str]] = {}
    for name in _in_order(waits):
        part = parts[name]
        found: dict[str, str] = {}
        if part.data.get("trigger_rule", "all_success") == "all_success":
            for target in waits[name]:
                _compare(context, part, found, known.get(target, {}))
                found |= known.get(target, {})
        condition = part.data.get("when")
        if isinstance(condition, str) and not _is_of_items(part, condition):
            found[name] = condition
        known[name] = found if len(found) <= _MOST else {}


def _is_of_items(part: Part, condition: str) -> bool:
    """Whether it is judged item by item: the map as a whole then runs in any case."""
    return not set(item_names(part)).isdisjoint(found.root for _, found in references(condition))


def _in_order(waits: Graph) -> list[str]:
    """Every task behind those it waits for; what stands in a circle, which is reported, is left out."""
    left = {name: set(targets) for name, targets in waits.items()}
    order: list[str] = []
    ready = [name for name, targets in left.items() if not targets]
    dependents: dict[str, list[str]] = {name: [] for name in waits}
    for name, targets in left.items():
        for target in targets:
            dependents[target].append(name)
    while ready:
        name = ready.pop()
        order.append(name)
        for dependent in dependents[name]:
            left[dependent].discard(name)
            if not left[dependent]:
                ready.append(dependent)
    return order


def _compare(context: Context, part: Part, some: Mapping[str, str], others: Mapping[str, str]) -> None:
    for name, condition in some.items():
        for other, second in others.items():
            if name != other and exclude_each_other(condition, second):
                message = (
                    f"{part.label} runs when all that it waits for has completed, and of {quote(name)} and "
                    f"{quote(other)} only one ever runs"
                )
                hint = "trigger_rule: none_failed runs it after whichever did"
                context.say("exclusive-branches", message, (*part.path, "name"), hint=hint)
                return
