"""``leadagent plan``: what would run, without a call."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import click

from leadagent_prefect.diagnostics.words import printable

#: Delays that are shown of a task; a thousand attempts have 999.
_DELAYS = 5


@click.command("plan")
@click.argument("file", metavar="FILE")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as one JSON object.")
def command(file: str, as_json: bool) -> int:
    """Show what would run: order, dependencies, retries, worst case.

    No call is made.
    """
    from leadagent_prefect.cli.plan_report import plan_report
    from leadagent_prefect.cli.workflow_file import load_plan

    report = plan_report(load_plan(file))
    sys.stdout.write(f"{json.dumps(report, indent=2)}\n" if as_json else "\n".join(_lines(report)) + "\n")
    return 0


def _lines(report: dict[str, Any]) -> Iterator[str]:
    how = f"up to {report['tasks_at_a_time']} at a time" if report["parallel"] else "one at a time"
    count = len(report["tasks"])
    name = f"{printable(report['name'])} {printable(report['version'])}"
    yield f"{name}: {count} task{'s' * (count > 1)}, {how}"
    yield f"On a failure: {report['failure_strategy']}"
    for name, config in report["inputs"].items():
        yield f"Input: {name} ({config['type']}{', required' if config['required'] else ''})"
    if report["secrets"]:
        yield f"Secrets: {', '.join(map(printable, report['secrets']))}"
    yield ""
    for number, task in enumerate(report["tasks"], 1):
        yield from _task_lines(number, task)
    worst = report["worst_case"]
    yield ""
    yield f"Worst case: {worst['calls']} calls, {_duration(worst['seconds'])}"
    undoing = report["compensation"]
    if undoing["calls"]:
        yield f"Undoing all of it: {undoing['calls']} calls, {_duration(undoing['seconds'])} more"
    unknown = [printable(task["name"]) for task in report["tasks"] if task["items"] is None]
    if unknown:
        yield f"  (how many items these have is not known, and they are counted as one: {', '.join(unknown)})"
    if any(task["attempts"] > 1 for task in report["tasks"]):
        yield "  (a service's Retry-After may make each wait as long as max_delay; that is counted)"


def _task_lines(number: int, task: dict[str, Any]) -> Iterator[str]:
    yield from _call_lines(number, task)
    undo = task["compensate"]
    if undo is not None:
        called = printable(f"{undo['agent']}: {undo['action']}")
        most = "1 attempt" if undo["attempts"] == 1 else f"up to {undo['attempts']} attempts"
        indent = " " * (len(str(number)) + 2)
        yield f"{indent}undone by [{called}], {most} of at most {_duration(undo['attempt_seconds'])}"


def _call_lines(number: int, task: dict[str, Any]) -> Iterator[str]:
    from leadagent_prefect.plan import on_one_line

    indent = " " * (len(str(number)) + 2)
    tolerated = "; a failure is tolerated" if task["continue_on_failure"] else ""
    called = f"{task['agent']}: {task['action']}" if task["agent"] else task["kind"]
    yield f"{number}. {printable(task['name'])}  [{printable(called)}]{tolerated}"
    if task["waits_for"]:
        yield f"{indent}waits for {', '.join(map(printable, task['waits_for']))}"
    if task["trigger_rule"] != "all_success":
        yield f"{indent}runs by the rule {task['trigger_rule']}"
    if task["for_each"] is not None:
        over = task["for_each"]
        yield f"{indent}for each of {printable(on_one_line(over)) if isinstance(over, str) else len(over)}"
    if task["when"] is not None:
        yield f"{indent}when {printable(on_one_line(task['when']))}"
    each = _duration(task["attempt_seconds"])
    if not task["agent"]:
        yield from [f"{indent}waits {each}"] if task["kind"] == "wait" else []
        return
    if task["cache"] is not None:
        yield f"{indent}no call where an equal one of the last {_duration(task['cache'])} has been answered"
    if task["attempts"] == 1:
        yield f"{indent}1 attempt of at most {each}"
        return
    delays = ", ".join(map(_duration, task["delays"][:_DELAYS]))
    more = ", ..." if len(task["delays"]) > _DELAYS else ""
    jitter = ", less up to half by jitter" if task["jitter"] else ""
    yield f"{indent}up to {task['attempts']} attempts of at most {each}; waits {delays}{more}{jitter}"
    yield f"{indent}again on {', '.join(task['retry_on'])}"


def _duration(seconds: float) -> str:
    """``90`` as ``1m 30s``."""
    hours, rest = divmod(round(seconds, 3), 3600)
    minutes, rest = divmod(rest, 60)
    parts = [f"{hours:g}h"] * bool(hours) + [f"{minutes:g}m"] * bool(minutes)
    return " ".join([*parts, f"{round(rest, 3):g}s"] if rest or not parts else parts)
