"""SVG: a row for each depth, top down, edges as curves. No script, no outside resource."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from html import escape
from statistics import fmean
from typing import NamedTuple

from leadagent_prefect.diagnostics.words import printable
from leadagent_prefect.plan import Plan, Step

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _MARGIN = 180, 46, 24, 54, 16
#: Columns of text that fit into a box at the font's size.
_COLUMNS = 24

_STYLE = """
    .box { fill: #f6f8fa; stroke: #57606a; }
    .edge { fill: none; stroke: #8c959f; }
    .tip { fill: #8c959f; }
    text { font: 13px ui-sans-serif, system-ui, sans-serif; fill: #1f2328; text-anchor: middle; }
    .small { font-size: 11px; fill: #57606a; }
    @media (prefers-color-scheme: dark) {
      .box { fill: #21262d; stroke: #8b949e; }
      text { fill: #e6edf3; }
      .small { fill: #9da7b3; }
    }
"""


class _Point(NamedTuple):
    """The upper left corner of a task's box."""

    x: float
    y: float


def render(plan: Plan) -> str:
    """A drawing that scales; each box has its full name and agent as a tooltip."""
    places = _places(plan)
    width = max(place.x for place in places.values()) + _WIDTH + _MARGIN
    height = max(place.y for place in places.values()) + _HEIGHT + _MARGIN
    title = _xml(plan.name)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}"',
        f'  width="{width:g}" height="{height:g}" role="img" aria-label="{title}">',
        f"  <title>{title}</title>",
        f"  <style>{_STYLE}  </style>",
        '  <defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8"',
        '    orient="auto"><path class="tip" d="M0 0 8 4 0 8z"/></marker></defs>',
        *(_edge(places[name], places[step.name]) for step in plan.steps for name in step.upstreams),
        *(line for step in plan.steps for line in _box(step, places[step.name])),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _places(plan: Plan) -> Mapping[str, _Point]:
    """Rows by depth; within a row, each task as near to what it waits for as its neighbours allow."""
    widest = max(len(row) for row in plan.levels)
    places: dict[str, _Point] = {}
    for depth, row in enumerate(plan.levels):
        ordered = sorted(row, key=lambda name: _wish(plan.by_name[name], places))
        start = _MARGIN + (widest - len(row)) * (_WIDTH + _GAP_X) / 2
        for n, name in enumerate(ordered):
            x, y = start + n * (_WIDTH + _GAP_X), _MARGIN + depth * (_HEIGHT + _GAP_Y)
            places[name] = _Point(x, y)
    return places


def _wish(step: Step, places: Mapping[str, _Point]) -> float:
    return fmean(places[name].x for name in step.upstreams) if step.upstreams else 0.0


def _edge(above: _Point, below: _Point) -> str:
    x1, y1, x2, y2 = above.x + _WIDTH / 2, above.y + _HEIGHT, below.x + _WIDTH / 2, below.y
    bend = min((y2 - y1) / 2, _GAP_Y)
    curve = f"M{x1:g} {y1:g} C{x1:g} {y1 + bend:g} {x2:g} {y2 - bend:g} {x2:g} {y2:g}"
    return f'  <path class="edge" marker-end="url(#tip)" d="{curve}"/>'


def _box(step: Step, place: _Point) -> Iterator[str]:
    agent, middle = step.shown, place.x + _WIDTH / 2
    more = "".join(f", {_xml(note)}" for note in step.notes)
    yield f"  <g><title>{_xml(step.name)} ({_xml(agent)}){more}</title>"
    corner = f'x="{place.x:g}" y="{place.y:g}"'
    yield f'    <rect class="box" {corner} width="{_WIDTH}" height="{_HEIGHT}" rx="6"/>'
    yield f'    <text x="{middle:g}" y="{place.y + 20:g}">{_xml(_short(step.name))}</text>'
    yield f'    <text class="small" x="{middle:g}" y="{place.y + 36:g}">{_xml(_short(agent))}</text>'
    yield "  </g>"


def _short(text: str) -> str:
    """As much as fits: wide characters count twice."""
    width = 0
    for n, char in enumerate(text):
        width += 2 if unicodedata.east_asian_width(char) in "WF" else 1
        if width > _COLUMNS:
            return text[: n - 1] + "…"
    return text


def _xml(text: str) -> str:
    return escape(printable(text))
