"""A page with the picture and, for whoever can't see it, a table of the same."""

from __future__ import annotations

from html import escape

from leadagent_prefect.diagnostics.words import printable
from leadagent_prefect.graph import svg
from leadagent_prefect.plan import Plan, Step

_STYLE = """
  :root { color-scheme: light dark; }
  body { font: 15px/1.5 ui-sans-serif, system-ui, sans-serif; }
  body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
  figure { margin: 1.5rem 0; overflow-x: auto; }
  table { border-collapse: collapse; width: 100%; }
  th, td { border-bottom: 1px solid #8c959f66; padding: .3rem .6rem .3rem 0; text-align: left; }
"""


def render(plan: Plan) -> str:
    """One file without scripts or outside resources."""
    name = _text(plan.name)
    description = f"<p>{_text(plan.workflow.description)}</p>\n" if plan.workflow.description else ""
    rows = "\n".join(_row(step) for step in plan.in_order)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{name}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{name}</h1>\n{description}"
        f"<figure>\n{svg.render(plan)}</figure>\n<table>\n"
        f"<tr><th>Task</th><th>Agent</th><th>Action</th><th>Waits for</th><th>When</th>"
        f"<th>Undone by</th></tr>\n{rows}\n</table>\n</body>\n</html>\n"
    )


def _row(step: Step) -> str:
    called = (step.agent.name, step.action) if step.kind == "call" else ("", step.shown)
    undone = step.undo.shown if step.undo is not None else ""
    cells = (step.name, *called, ", ".join(step.upstreams), step.condition, undone)
    return f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in cells)}</tr>"


def _text(text: str) -> str:
    return escape(printable(text))
