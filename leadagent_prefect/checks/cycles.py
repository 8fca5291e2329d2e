"""Circles in a graph."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

#: Each round of finding cycles takes milliseconds in a large file.
_CYCLES = 20

#: A node -> those that it points to, both in order.
_Graph = Mapping[str, Iterable[str]]


def cycles(graph: _Graph) -> list[list[str]]:
    """Nodes that point to each other, each circle beginning at its first one.

    One of every knot, then those that are left when the last step of each is taken out, and so on.
    """
    position = {name: index for index, name in enumerate(graph)}
    left = {name: dict.fromkeys(targets) for name, targets in graph.items()}
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
