"""Where the boxes of a drawing lie: a row for each depth, top down; a task is around those in its body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from leadagent_prefect.graph.parts import Part
from leadagent_prefect.plan import Step

_WIDTH, _HEIGHT, _GAP_X, GAP_Y = 180, 46, 24, 54
#: Around what is drawn within a box, or a group; and the room of the words above it.
PADDING = 16
_HEAD = {True: 42, False: 24}


class Box(NamedTuple):
    """A task's box, by its upper left corner in the drawing around it; ``inner`` lie below its head."""

    x: float
    y: float
    width: float
    height: float
    inner: tuple[Group, ...] = ()


@dataclass(frozen=True)
class Group:
    """The boxes of a part by the names of their tasks, and its own place and size, with its title."""

    part: Part
    boxes: Mapping[str, Box]
    x: float
    y: float
    width: float
    height: float


def place(parts: list[Part], top: float = 0.0) -> tuple[Group, ...]:
    """The groups of parts below one another, at ``top`` and below it, all of one width."""
    groups: list[Group] = []
    for part in parts:
        group = _group(part, top)
        groups.append(group)
        top = group.y + group.height + PADDING
    width = max(group.width for group in groups)
    return tuple(_widened(group, width) for group in groups)


def _widened(group: Group, width: float) -> Group:
    aside = (width - group.width) / 2
    boxes = {name: box._replace(x=box.x + aside) for name, box in group.boxes.items()}
    return Group(group.part, boxes, group.x, group.y, width, group.height)


def _group(part: Part, top: float) -> Group:
    """Each task as near to what it waits for as its neighbours allow."""
    sizes = {step.name: _size(part, step) for step in part.plan.steps}
    edge = PADDING if part.title else 0
    widest = max(_row_width([sizes[name] for name in row]) for row in part.plan.levels)
    boxes: dict[str, Box] = {}
    y = _HEAD[False] + PADDING / 2 if part.title else 0.0
    for row in part.plan.levels:
        x = edge + (widest - _row_width([sizes[name] for name in row])) / 2
        for name in sorted(row, key=lambda name: _wish(part.plan.by_name[name], boxes)):
            boxes[name] = sizes[name]._replace(x=x, y=y)
            x += sizes[name].width + _GAP_X
        y += max(sizes[name].height for name in row) + GAP_Y
    return Group(part, boxes, 0.0, top, widest + 2 * edge, y - GAP_Y + edge)


def _row_width(row: list[Box]) -> float:
    return sum(box.width + _GAP_X for box in row) - _GAP_X


def _size(part: Part, step: Step) -> Box:
    inner = part.within(step)
    if not inner:
        return Box(0, 0, _WIDTH, _HEIGHT)
    groups = place(inner, _HEAD[True])
    last = groups[-1]
    return Box(0, 0, last.width + 2 * PADDING, last.y + last.height + PADDING, groups)


def _wish(step: Step, boxes: Mapping[str, Box]) -> float:
    above = [boxes[name] for name in step.upstreams]
    return fmean(box.x + box.width / 2 for box in above) if above else 0.0
