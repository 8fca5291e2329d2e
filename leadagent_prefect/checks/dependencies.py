"""What tasks wait for: known tasks beside them, each once, never in a circle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from leadagent_prefect.checks.context import Context, Part
from leadagent_prefect.checks.cycles import cycles
from leadagent_prefect.checks.judgement import unseen
from leadagent_prefect.checks.references import Read
from leadagent_prefect.checks.scopes import Scope
from leadagent_prefect.diagnostics import quote
from leadagent_prefect.source import Path


class Edge(NamedTuple):
    """Where a task, or one within it, says that it waits for another."""

    task: Part
    path: Path
    place: tuple[int, int] | None


#: Task -> the tasks beside it that it waits for, both in file order.
Graph = Mapping[str, Mapping[str, Edge]]


def check_dependencies(context: Context, reads: Iterable[Read]) -> Mapping[Path, Graph]:
    """``depends_on`` names known tasks, and no task waits for itself, over references too. What waits for
    what, by the path of each list: tasks within a task make it wait for what they read outside.
    """
    scopes = context.scopes.at
    graphs = {path: {name: dict[str, Edge]() for name in scope.names} for path, scope in scopes.items()}
    for path, scope in scopes.items():
        for part in scope.parts:
            first = scope.member(part)  # none of a second one of its name
            _check_named(context, scope, part, graphs[path][str(first.name)] if first else {})
    for read in reads:
        home = read.scope.holder(read.target)
        if home is not None and (waiting := home.member(read.task)) is not None:
            edges = graphs[home.path][str(waiting.name)]
            edges.setdefault(read.target, Edge(read.task, read.path, read.place))
    for graph in graphs.values():
        _check_circles(context, graph)
    return graphs


def _check_circles(context: Context, graph: dict[str, dict[str, Edge]]) -> None:
    for name, edges in graph.items():
        if (edge := edges.pop(name, None)) is not None:
            message = f"a task can't wait for itself: {quote(name)} -> {quote(name)}"
            if edge.task.name != name:
                message = f"{edge.task.label} stands in {quote(name)}, and can't wait for it"
            context.say("dependency-cycle", message, edge.path, place=edge.place)
    for cycle in cycles(graph):
        edge = graph[cycle[-1]][cycle[0]]
        shown = " -> ".join(map(quote, [*cycle, cycle[0]]))
        hint = f"each waits for the next; take one of the dependencies out, such as this on {quote(cycle[0])}"
        context.say("dependency-cycle", f"dependency cycle: {shown}", edge.path, hint=hint, place=edge.place)


def _check_named(context: Context, scope: Scope, part: Part, edges: dict[str, Edge]) -> None:
    wanted = part.data.get("depends_on")
    seen: set[str] = set()
    for index, name in enumerate(wanted if isinstance(wanted, list) else ()):
        path = (*part.path, "depends_on", index)
        if not isinstance(name, str) or "{{" in name:
            continue
        if name not in scope.names:
            _say_unknown(context, scope, part, name, path)
        elif name in seen:
            message = f"{part.label} depends on {quote(name)} twice"
            context.say("duplicate-dependency", message, path, hint="delete one")
        else:
            edges.setdefault(name, Edge(part, path, None))
        seen.add(name)


def _say_unknown(context: Context, scope: Scope, part: Part, name: str, path: Path) -> None:
    message = f"{part.label} depends on {quote(name)}, which is not "
    holder = scope.holder(name)
    if holder is None:
        if (why := unseen(context, name)) is None:
            why, message = context.near(name, scope.names), f"{message}defined"
        else:
            message += "seen from here"
    elif scope.owner is None or scope.at_end != holder.at_end:
        message, why = f"{message}beside it", "take it out: when this task starts, all those have ended"
    else:
        message, why = (
            f"{message}beside it",
            f"let {scope.owner.label} depend on it: it waits for all of its own",
        )
    context.say("unknown-task", message, path, hint=why)
