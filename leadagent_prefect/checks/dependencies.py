"""What tasks wait for: known tasks, each once, never in a circle."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from leadagent_prefect.checks.context import Context, Part
from leadagent_prefect.checks.references import Read
from leadagent_prefect.diagnostics import quote
from leadagent_prefect.source import Path


class _Edge(NamedTuple):
    """Where a task says that it waits for another."""

    path: Path
    place: tuple[int, int] | None


#: Each round of finding cycles takes milliseconds in a large file.
_CYCLES = 20

#: Task -> the tasks it waits for, both in file order.
_Graph = Mapping[str, Mapping[str, _Edge]]


def check_dependencies(context: Context, reads: Iterable[Read]) -> None:
    """``depends_on`` names known tasks, and no task waits for itself, over references too."""
    first = {part.path: name for name, part in _first_parts(context).items()}
    graph: dict[str, dict[str, _Edge]] = {name: {} for name in first.values()}
    for part in context.tasks:
        _check_named(context, part, graph.get(first.get(part.path, ""), {}))
    for read in reads:
        if read.task.path in first and read.target in graph:
            graph[first[read.task.path]].setdefault(read.target, _Edge(read.path, read.place))
    for name, edges in graph.items():
        if (edge := edges.pop(name, None)) is not None:
            context.say(
                "dependency-cycle",
                f"a task can't wait for itself: {quote(name)} -> {quote(name)}",
                edge.path,
                place=edge.place,
            )
    for cycle in _cycles(graph):
        edge = graph[cycle[-1]][cycle[0]]
        shown = " -> ".join(map(quote, [*cycle, cycle[0]]))
        hint = f"each waits for the next; take one of the dependencies out, such as this on {quote(cycle[0])}"
        context.say("dependency-cycle", f"dependency cycle: {shown}", edge.path, hint=hint, place=edge.place)


def _first_parts(context: Context) -> dict[str, Part]:
    """Tasks by name; of two with one name, which is reported, the first."""
    parts: dict[str, Part] = {}
    for part in context.tasks:
        if part.name is not None:
            parts.setdefault(part.name, part)
    return parts


def _check_named(context: Context, part: Part, edges: dict[str, _Edge]) -> None:
    wanted = part.data.get("depends_on")
    seen: set[str] = set()
    for index, name in enumerate(wanted if isinstance(wanted, list) else ()):
        path = (*part.path, "depends_on", index)
        if not isinstance(name, str) or "{{" in name:
            continue
        if name not in context.draft.task_names:
            message = f"{part.label} depends on {quote(name)}, which is not defined"
            context.say("unknown-task", message, path, hint=context.near(name, context.draft.task_names))
        elif name in seen:
            context.say(
                "duplicate-dependency",
                f"{part.label} depends on {quote(name)} twice",
                path,
                hint="delete one",
            )
        seen.add(name)
        if name in context.draft.task_names:
            edges.setdefault(name, _Edge(path, None))


def _cycles(graph: _Graph) -> list[list[str]]:
    """Cycles of tasks that wait for each other, each beginning at its first task in the file.

    One of every knot, then those that are left when the last step of each is taken out, and so on.
    """
    position = {name: index for index, name in enumerate(graph)}
    left = {name: dict(edges) for name, edges in graph.items()}
    cycles: list[list[str]] = []
    while len(cycles) < _CYCLES:
        knots = [set(knot) for knot in _knots(left) if len(knot) > 1]
        if not knots:
            break
        for knot in knots:
            cycle = _shortest(left, min(knot, key=position.__getitem__), knot)
            del left[cycle[-1]][cycle[0]]
            cycles.append(cycle)
    return sorted(cycles, key=lambda cycle: position[cycle[0]])


def _shortest(graph: _Graph, start: str, knot: set[str]) -> list[str]:
    """The shortest way from a task back to itself."""
    before: dict[str, str] = {}
    queue = deque([start])
    while start not in before:
        name = queue.popleft()
        for target in graph[name]:
            if target in knot and target not in before:
                before[target] = name
                queue.append(target)
    cycle = [before[start]]
    while cycle[-1] != start:
        cycle.append(before[cycle[-1]])
    return cycle[::-1]


def _knots(graph: _Graph) -> list[list[str]]:
    """The strongly connected components (Tarjan's algorithm, without recursion)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    knots: list[list[str]] = []
    for root in graph:
        work = [(root, iter(graph[root]))] if root not in order else []
        while work:
            name, targets = work[-1]
            if name not in order:
                order[name] = low[name] = len(order)
                stack.append(name)
                on_stack.add(name)
            for target in targets:
                if target not in order:
                    work.append((target, iter(graph[target])))
                    break
                if target in on_stack:
                    low[name] = min(low[name], order[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[name])
                if low[name] == order[name]:
                    knots.append(_unwound(stack, on_stack, name))
    return knots


def _unwound(stack: list[str], on_stack: set[str], name: str) -> list[str]:
    knot: list[str] = []
    while not knot or knot[-1] != name:
        knot.append(stack.pop())
        on_stack.discard(knot[-1])
    return knot
