"""Graphviz."""

from __future__ import annotations

from collections.abc import Iterator

from leadagent_prefect.diagnostics.words import printable
from leadagent_prefect.graph.parts import Part, parts_of
from leadagent_prefect.plan import Plan, Step


def render(plan: Plan, opened: bool = True) -> str:
    """A digraph, drawn by ``dot -Tsvg``. A task with a body is a cluster, and arrows end at its edge."""
    parts = parts_of(plan, opened)
    lines = [
        f"digraph {_quoted(plan.name)} {{",
        '    node [shape=box, style=rounded, fontname="sans-serif"];',
    ]
    if len(parts) > 1 or any(parts[0].within(step) for step in plan.steps):
        lines.append('    graph [compound=true, style=rounded, fontname="sans-serif"];')
    for part in parts:
        lines += _part(part, "    ")
    return "\n".join([*lines, "}"]) + "\n"


def _part(part: Part, indent: str) -> Iterator[str]:
    if part.title:
        yield f"{indent}subgraph cluster_{part.id} {{"
        yield f'{indent}    label="{_escaped(part.title)}";'
    deeper = indent + "    " * bool(part.title)
    for step in part.plan.steps:
        yield from _node(part, step, deeper)
    for step in part.plan.steps:
        yield from (f"{deeper}{_edge(part, part.plan.by_name[name], step)}" for name in step.upstreams)
    if part.title:
        yield f"{indent}}}"


def _node(part: Part, step: Step, indent: str) -> Iterator[str]:
    label = "\\n".join(_escaped(line) for line in (step.name, step.shown, *step.notes))
    inner = part.within(step)
    if not inner:
        yield f'{indent}{part.node(step)} [label="{label}"];'
        return
    yield f"{indent}subgraph cluster_{part.node(step)} {{"
    yield f'{indent}    label="{label}";'
    for one in inner:
        yield from _part(one, indent + "    ")
    yield f"{indent}}}"


def _edge(part: Part, above: Step, below: Step) -> str:
    ends = [
        f"{end}=cluster_{part.node(step)}"
        for end, step in (("ltail", above), ("lhead", below))
        if part.within(step)
    ]
    options = f" [{', '.join(ends)}]" if ends else ""
    return f"{part.leaf(above, -1)} -> {part.leaf(below, 0)}{options};"


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    """For a quoted string: Graphviz reads backslashes and HTML entities in one."""
    return printable(text).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
