"""SVG: a row for each depth, top down, edges as curves. No script, no outside resource."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from html import escape

from leadagent_prefect.diagnostics.words import printable
from leadagent_prefect.graph.layout import GAP_Y, PADDING, Box, Group, place
from leadagent_prefect.graph.parts import parts_of
from leadagent_prefect.plan import Plan, Step

#: Columns of text that fit into a box at the font's size, for each pixel of its width.
_COLUMNS = 24 / 180

_STYLE = """
    .box { fill: #f6f8fa; stroke: #57606a; }
    .frame { fill: none; stroke: #57606a; }
    .end { fill: none; stroke: #8c959f; stroke-dasharray: 5 4; }
    .edge { fill: none; stroke: #8c959f; }
    .tip { fill: #8c959f; }
    text { font: 13px ui-sans-serif, system-ui, sans-serif; fill: #1f2328; text-anchor: middle; }
    .small { font-size: 11px; fill: #57606a; }
    @media (prefers-color-scheme: dark) {
      .box { fill: #21262d; stroke: #8b949e; }
      .frame { stroke: #8b949e; }
      text { fill: #e6edf3; }
      .small { fill: #9da7b3; }
    }
"""


def render(plan: Plan, opened: bool = True) -> str:
    """A drawing that scales; each box has its full name and agent as a tooltip."""
    groups = place(parts_of(plan, opened))
    width = groups[0].width + 2 * PADDING
    height = groups[-1].y + groups[-1].height + 2 * PADDING
    title = _xml(plan.name)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}"',
        f'  width="{width:g}" height="{height:g}" role="img" aria-label="{title}">',
        f"  <title>{title}</title>",
        f"  <style>{_STYLE}  </style>",
        '  <defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8"',
        '    orient="auto"><path class="tip" d="M0 0 8 4 0 8z"/></marker></defs>',
        *(line for group in groups for line in _group(group, PADDING, PADDING)),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _group(group: Group, x: float, y: float) -> Iterator[str]:
    """All of a group, in a drawing whose upper left corner is at ``x`` and ``y``."""
    x, y, part = x + group.x, y + group.y, group.part
    if part.title:
        size = f'width="{group.width:g}" height="{group.height:g}"'
        yield f'  <rect class="end" x="{x:g}" y="{y:g}" {size} rx="6"/>'
        words = _xml(_short(part.title, 1.2 * group.width))
        yield f'  <text class="small" x="{x + group.width / 2:g}" y="{y + 18:g}">{words}</text>'
    placed = {
        name: box._replace(x=box.x + x, y=box.y + y) for name, box in group.boxes.items()
    }  # in the whole picture
    for step in part.plan.steps:
        yield from (_edge(placed[name], placed[step.name]) for name in step.upstreams)
    for step in part.plan.steps:
        yield from _box(step, placed[step.name])


def _edge(above: Box, below: Box) -> str:
    x1, y1 = above.x + above.width / 2, above.y + above.height
    x2, y2 = below.x + below.width / 2, below.y
    bend = min((y2 - y1) / 2, GAP_Y)
    curve = f"M{x1:g} {y1:g} C{x1:g} {y1 + bend:g} {x2:g} {y2 - bend:g} {x2:g} {y2:g}"
    return f'  <path class="edge" marker-end="url(#tip)" d="{curve}"/>'


def _box(step: Step, box: Box) -> Iterator[str]:
    agent, middle = step.shown, box.x + box.width / 2
    more = "".join(f", {_xml(note)}" for note in step.notes)
    yield f"  <g><title>{_xml(step.name)} ({_xml(agent)}){more}</title>"
    where = f'x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}"'
    yield f'    <rect class="{"frame" if box.inner else "box"}" {where} rx="6"/>'
    yield f'    <text x="{middle:g}" y="{box.y + 20:g}">{_xml(_short(step.name, box.width))}</text>'
    yield f'    <text class="small" x="{middle:g}" y="{box.y + 36:g}">{_xml(_short(agent, box.width))}</text>'
    yield "  </g>"
    for group in box.inner:
        yield from _group(group, box.x + PADDING, box.y)


def _short(text: str, room: float) -> str:
    """As much as fits: wide characters count twice."""
    width, columns = 0, int(room * _COLUMNS)
    for n, char in enumerate(text):
        width += 2 if unicodedata.east_asian_width(char) in "WF" else 1
        if width > columns:
            return text[: n - 1] + "…"
    return text


def _xml(text: str) -> str:
    return escape(printable(text))
