"""Graphviz."""

from __future__ import annotations

from leadagent_prefect.diagnostics.words import printable
from leadagent_prefect.plan import Plan


def render(plan: Plan) -> str:
    """A digraph, drawn by ``dot -Tsvg``."""
    lines = [
        f"digraph {_quoted(plan.name)} {{",
        '    node [shape=box, style=rounded, fontname="sans-serif"];',
    ]
    for step in plan.steps:
        label = "\\n".join(_escaped(line) for line in (step.name, step.shown, *step.notes))
        lines.append(f'    t{step.index} [label="{label}"];')
    for step in plan.steps:
        lines += [f"    t{plan.by_name[name].index} -> t{step.index};" for name in step.upstreams]
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    """For a quoted string: Graphviz reads backslashes and HTML entities in one."""
    return printable(text).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
