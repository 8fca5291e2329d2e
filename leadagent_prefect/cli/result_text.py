"""A run's result as ``leadagent run`` prints it."""

from __future__ import annotations

from typing import Any

from leadagent_prefect.diagnostics.words import printable
from leadagent_prefect.results import Compensation, WorkflowResult

#: Characters of one value; ``--json`` shows all of it.
_WIDTH = 1000


def render_result(result: WorkflowResult) -> str:
    """One line a task; nothing in it can steer a terminal."""
    lines = [
        f"Workflow completed with status: {result.status}",
        f"Completed tasks: {result.completed_tasks}/{result.total_tasks}",
        f"Execution time: {result.execution_time:.2f}s",
        "",
        "Results:",
        *(f"  {printable(name)}: {_value(value)}" for name, value in result.results.items()),
    ]
    if result.errors or result.status == "failed":
        lines += [
            "",
            "Errors:",
            *(f"  {printable(name)}: {one_line(text)}" for name, text in result.errors.items()),
        ]
    if result.compensated:
        lines += ["", "Undone:", *(_compensation(one) for one in result.compensated)]
    return "\n".join(lines) + "\n"


def _compensation(one: Compensation) -> str:
    name = printable(one.task if one.key is None else f"{one.task}[{one.key}]")
    return f"  {name}: {one.status}{f': {one_line(one.error)}' if one.error else ''}"


def one_line(text: str) -> str:
    """A message of several lines as one, harmless to a terminal."""
    return _cut(printable(" ".join(text.split())))


def _value(value: Any) -> str:
    return _cut(printable(repr(value)))


def _cut(text: str) -> str:
    if len(text) <= _WIDTH:
        return text
    return f"{text[:_WIDTH]}... ({len(text):,} characters, all of them with --json)"
