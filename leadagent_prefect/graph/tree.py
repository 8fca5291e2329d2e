"""The tasks as a tree for a terminal: under each task those that wait for it."""

from __future__ import annotations

from collections.abc import Iterator

from leadagent_prefect.diagnostics.words import printable
from leadagent_prefect.graph.parts import Part, parts_of
from leadagent_prefect.plan import Plan, Step

#: Deeper tasks begin a tree of their own at the left, so that a long chain stays readable.
_DEEPEST = 24


def render(plan: Plan, opened: bool = True) -> str:
    """A task that waits for several stands under the last of them, and is mentioned under the others. The
    tasks within one stand behind a dotted line.
    """
    lines = [printable(plan.name)]
    for part in parts_of(plan, opened):
        lines += [*(["", part.title] if part.title else []), *_Tree(part).lines()]
    return "\n".join(lines) + "\n"


class _Tree:
    def __init__(self, part: Part) -> None:
        self._part, self._plan = part, part.plan
        position = {step.name: n for n, step in enumerate(self._plan.in_order)}
        #: Under whom each task is shown in full.
        self._home = {
            step.name: max(step.upstreams, key=position.__getitem__, default=None)
            for step in self._plan.steps
        }
        self._cut: list[str] = []

    def lines(self) -> Iterator[str]:
        roots = [step.name for step in self._plan.steps if not step.upstreams]
        yield from self._branch(roots)
        while self._cut:
            name = self._cut.pop(0)
            yield f"... {printable(name)}, from above:"
            yield from self._branch(list(self._plan.dependents[name]), under=name)

    def _branch(self, names: list[str], under: str | None = None) -> Iterator[str]:
        stack = [(name, under, "", n == len(names) - 1) for n, name in enumerate(names)][::-1]
        while stack:
            name, parent, prefix, last = stack.pop()
            step, at_home = self._plan.by_name[name], self._home[name] == parent
            yield f"{prefix}{'└─ ' if last else '├─ '}{_label(step) if at_home else f'({printable(name)})'}"
            children = self._plan.dependents[name] if at_home else ()
            deeper = prefix + ("   " if last else "│  ")
            if at_home:
                yield from (f"{deeper}┊  {line}" for line in self._body(step))
            if children and len(deeper) >= 3 * _DEEPEST:
                self._cut.append(name)
                yield f"{deeper}└─ ... below"
                continue
            rows = [(child, name, deeper, n == len(children) - 1) for n, child in enumerate(children)]
            stack += rows[::-1]

    def _body(self, step: Step) -> Iterator[str]:
        for part in self._part.within(step):
            yield from [part.title] if part.title else []
            yield from _Tree(part).lines()


def _label(step: Step) -> str:
    also = step.upstreams[:-1] if len(step.upstreams) > 1 else ()
    note = f"  (waits for {len(also) + 1} tasks)" if also else ""
    note += "".join(f"  {printable(words)}" for words in step.notes)
    return f"{printable(step.name)}  [{printable(step.shown)}]{note}"
