"""The report of a plan as ``leadagent plan`` prints it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from leadagent_prefect.diagnostics.words import printable
from leadagent_prefect.plan import on_one_line

#: Delays that are shown of a task; a thousand attempts have 999.
_DELAYS = 5
_ENDS = {"on_failure": "After a run that failed", "finally": "At the end of every run"}

Report = Mapping[str, Any]


def lines(report: Report) -> Iterator[str]:
    """What is said of the whole, of each task, and of the worst case."""
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
    yield from _tasks(report["tasks"])
    for key, when in _ENDS.items():
        if report[key] is not None:
            yield from ["", f"{when} ({key}):", *_tasks(report[key]["tasks"])]
    yield ""
    yield from _worst_case(report)


def _worst_case(report: Report) -> Iterator[str]:
    yield f"Worst case: {_cost(report['worst_case'])}"
    for key, when in _ENDS.items():
        if report[key] is not None:
            yield f"{when}: {_cost(report[key]['worst_case'])} more"
    if report["compensation"]["calls"]:
        yield f"Undoing all of it: {_cost(report['compensation'])} more"
    everything = list(_all(report))
    unknown = [printable(task["name"]) for task in everything if task["items"] is None]
    if unknown:
        yield f"  (how many items these have is not known, and they are counted as one: {', '.join(unknown)})"
    if any(task["attempts"] > 1 for task in everything):
        yield "  (a service's Retry-After may make each wait as long as max_delay; that is counted)"


def _all(part: Report) -> Iterator[Report]:
    """Every task that is shown."""
    for key in ("tasks", *_ENDS):
        group = part[key] if key == "tasks" else (part[key] or {"tasks": []})["tasks"]
        for task in group:
            yield task
            if task["body"] is not None:
                yield from _all(task["body"])


def _tasks(tasks: list[Report], before: str = "") -> Iterator[str]:
    for number, task in enumerate(tasks, 1):
        mark = f"{before}{number}."
        indent = " " * (len(mark) + 1)
        yield f"{mark} {_title(task)}"
        yield from (indent + words for words in _said(task))
        if task["body"] is not None:
            yield from (indent + line for line in _body(task["body"], mark))


def _body(body: Report, mark: str) -> Iterator[str]:
    yield from _tasks(body["tasks"], mark)
    for key, when in _ENDS.items():
        if body[key] is not None:
            yield f"{when} ({key}):"
            yield from _tasks(body[key]["tasks"], mark)


def _title(task: Report) -> str:
    tolerated = "; a failure is tolerated" if task["continue_on_failure"] else ""
    called = f"{task['agent']}: {task['action']}" if task["agent"] else task["kind"]
    called = f"workflow: {task['workflow']}" if task["workflow"] is not None else called
    return f"{printable(task['name'])}  [{printable(called)}]{tolerated}"


def _said(task: Report) -> Iterator[str]:
    if task["waits_for"]:
        yield f"waits for {', '.join(map(printable, task['waits_for']))}"
    if task["trigger_rule"] != "all_success":
        yield f"runs by the rule {task['trigger_rule']}"
    if task["for_each"] is not None:
        over = task["for_each"]
        yield f"for each of {printable(on_one_line(over)) if isinstance(over, str) else len(over)}"
    if task["when"] is not None:
        yield f"when {printable(on_one_line(task['when']))}"
    yield from _attempts(task)
    yield from _rounds(task)
    undo = task["compensate"]
    if undo is not None:
        called = printable(f"{undo['agent']}: {undo['action']}")
        most = "1 attempt" if undo["attempts"] == 1 else f"up to {undo['attempts']} attempts"
        yield f"undone by [{called}], {most} of at most {duration(undo['attempt_seconds'])}"


def _attempts(task: Report) -> Iterator[str]:
    each = duration(task["attempt_seconds"])
    if task["kind"] not in ("call", "workflow", "tasks"):
        yield from [f"waits {each}"] if task["kind"] == "wait" else []
        return
    if task["cache"] is not None:
        yield f"no call where an equal one of the last {duration(task['cache'])} has been answered"
    if task["attempts"] == 1:
        yield f"1 attempt of at most {each}"
        return
    delays = ", ".join(map(duration, task["delays"][:_DELAYS]))
    more = ", ..." if len(task["delays"]) > _DELAYS else ""
    jitter = ", less up to half by jitter" if task["jitter"] else ""
    yield f"up to {task['attempts']} attempts of at most {each}; waits {delays}{more}{jitter}"
    yield f"again on {', '.join(task['retry_on'])}"


def _rounds(task: Report) -> Iterator[str]:
    repeat = task["repeat"]
    if repeat is not None:
        pause = f", {duration(repeat['every'])} apart" if repeat["every"] else ""
        until = printable(on_one_line(repeat["until"]))
        yield f"until {until}, at most {repeat['max_times']} times{pause}"


def _cost(worst: Report) -> str:
    return f"{worst['calls']} call{'s' * (worst['calls'] != 1)}, {duration(worst['seconds'])}"


def duration(seconds: float) -> str:
    """``90`` as ``1m 30s``."""
    hours, rest = divmod(round(seconds, 3), 3600)
    minutes, rest = divmod(rest, 60)
    parts = [f"{hours:g}h"] * bool(hours) + [f"{minutes:g}m"] * bool(minutes)
    return " ".join([*parts, f"{round(rest, 3):g}s"] if rest or not parts else parts)
