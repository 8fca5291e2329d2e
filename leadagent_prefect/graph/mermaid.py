"""Mermaid, for Markdown: GitHub and many editors draw it."""

from __future__ import annotations

import re

from leadagent_prefect.diagnostics.words import printable
from leadagent_prefect.plan import Plan


def render(plan: Plan) -> str:
    """A flowchart whose node ids are ``t0``, ``t1``, ...: no name of a task can be a word of mermaid."""
    lines = ["flowchart TD"]
    for step in plan.steps:
        below = "<br/>".join(_text(line) for line in (step.shown, *step.notes))
        lines.append(f'    t{step.index}["{_text(step.name)}<br/><small>{below}</small>"]')
    for step in plan.steps:
        lines += [f"    t{plan.by_name[name].index} --> t{step.index}" for name in step.upstreams]
    return "\n".join(lines) + "\n"


def _text(text: str) -> str:
    """Every ASCII character but letters, digits and blanks as its number, which means it everywhere."""
    return re.sub(
        r"[\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e]", lambda found: f"#{ord(found[0])};", printable(text)
    )
