"""Mermaid, for Markdown: GitHub and many editors draw it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from leadagent_prefect.diagnostics.words import printable
from leadagent_prefect.graph.parts import Part, parts_of
from leadagent_prefect.plan import Plan, Step


def render(plan: Plan, opened: bool = True) -> str:
    """A flowchart whose node ids are ``t0``, ``t1``, ...: no name of a task can be a word of mermaid."""
    lines = ["flowchart TD"]
    for part in parts_of(plan, opened):
        lines += _part(part, "    ")
    return "\n".join(lines) + "\n"


def _part(part: Part, indent: str) -> Iterator[str]:
    if part.title:
        yield f'{indent}subgraph {part.id}["{_text(part.title)}"]'
    deeper = indent + "    " * bool(part.title)
    for step in part.plan.steps:
        yield from _node(part, step, deeper)
    for step in part.plan.steps:
        above = (part.plan.by_name[name] for name in step.upstreams)
        yield from (f"{deeper}{part.node(one)} --> {part.node(step)}" for one in above)
    if part.title:
        yield f"{indent}end"


def _node(part: Part, step: Step, indent: str) -> Iterator[str]:
    below = "<br/>".join(_text(line) for line in (step.shown, *step.notes))
    label = f'{part.node(step)}["{_text(step.name)}<br/><small>{below}</small>"]'
    inner = part.within(step)
    yield f"{indent}{'subgraph ' if inner else ''}{label}"
    if inner:
        for one in inner:
            yield from _part(one, indent + "    ")
        yield f"{indent}end"


def _text(text: str) -> str:
    """Every ASCII character but letters, digits and blanks as its number, which means it everywhere."""
    return re.sub(
        r"[\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e]", lambda found: f"#{ord(found[0])};", printable(text)
    )
