"""A page with the picture and, for whoever can't see it, a table of the same."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from leadagent_prefect.diagnostics.words import printable
from leadagent_prefect.graph import svg
from leadagent_prefect.graph.parts import Part, parts_of
from leadagent_prefect.plan import Plan, Step

_STYLE = """
  :root { color-scheme: light dark; }
  body { font: 15px/1.5 ui-sans-serif, system-ui, sans-serif; }
  body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
  figure { margin: 1.5rem 0; overflow-x: auto; }
  table { border-collapse: collapse; width: 100%; }
  th, td { border-bottom: 1px solid #8c959f66; padding: .3rem .6rem .3rem 0; text-align: left; }
"""


def render(plan: Plan, opened: bool = True) -> str:
    """One file without scripts or outside resources."""
    name = _text(plan.name)
    description = f"<p>{_text(plan.workflow.description)}</p>\n" if plan.workflow.description else ""
    rows = "\n".join(row for part in parts_of(plan, opened) for row in _rows(part))
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{name}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{name}</h1>\n{description}"
        f"<figure>\n{svg.render(plan, opened)}</figure>\n<table>\n"
        f"<tr><th>Task</th><th>Agent</th><th>Action</th><th>Waits for</th><th>When</th>"
        f"<th>Undone by</th></tr>\n{rows}\n</table>\n</body>\n</html>\n"
    )


def _rows(part: Part, around: str = "") -> Iterator[str]:
    """Those of a part and of all that is drawn in it: the names as those of their task runs begin."""
    if part.title:
        yield f'<tr><th colspan="6">{_text(f"{around} {part.title}".strip())}</th></tr>'
    for step in part.plan.in_order:
        name = f"{around}{'.' if around else ''}{step.name}"
        yield _row(step, name)
        for inner in part.within(step):
            yield from _rows(inner, name)


def _row(step: Step, name: str) -> str:
    called = (step.agent.name, step.action) if step.kind == "call" else ("", step.shown)
    undone = step.undo.shown if step.undo is not None else ""
    when = ", ".join(step.notes[: len(step.notes) - (step.undo is not None)])
    cells = (name, *called, ", ".join(step.upstreams), when, undone)
    return f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in cells)}</tr>"


def _text(text: str) -> str:
    return escape(printable(text))
