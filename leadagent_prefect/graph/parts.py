"""What is drawn together: the tasks of a plan, those at its end, and those in the body of a task."""

from __future__ import annotations

from dataclasses import dataclass

from leadagent_prefect.plan import Plan, Step

#: What the groups at the end are called, and a letter for their ids.
_ENDS = (("on_failure, after a run that failed", "f"), ("finally, at the end of every run", "e"))


@dataclass(frozen=True)
class Part:
    """Tasks that are drawn together; ``title`` is empty for those that the workflow, or a body, is about.

    ``id`` is made of letters and digits alone, so that no name can be a word of a format. Bodies are drawn
    only where it ``is_open``.
    """

    title: str
    plan: Plan
    id: str
    is_open: bool

    def node(self, step: Step) -> str:
        """The id of a step: ``t3``, or ``t3t0`` in the body of that one."""
        return f"{self.id}{step.index}"

    def within(self, step: Step) -> list[Part]:
        """What the box of a step holds."""
        if step.body is None or not self.is_open:
            return []
        return parts_of(step.body.plan, self.is_open, self.node(step))

    def leaf(self, step: Step, place: int) -> str:
        """The id of a step, or of one within that has no body: by its place in the order, 0 or -1."""
        inner = self.within(step)
        return inner[0].leaf(inner[0].plan.in_order[place], place) if inner else self.node(step)


def parts_of(plan: Plan, is_open: bool, before: str = "") -> list[Part]:
    """The tasks of a plan, and then those at its end."""
    ends = zip(_ENDS, (plan.on_failure, plan.finally_), strict=True)
    return [
        Part("", plan, f"{before}t", is_open),
        *(Part(title, last, before + letter, is_open) for (title, letter), last in ends if last is not None),
    ]
