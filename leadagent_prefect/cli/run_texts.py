"""Runs as the commands about them print them: for a terminal, or plain for a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from leadagent_prefect.cli.result_text import one_line, render_result
from leadagent_prefect.diagnostics.words import printable

if TYPE_CHECKING:
    from leadagent_prefect.runs import LogLine, RunDetail, RunRow

_STYLES = {
    "running": "cyan",
    "cancelling": "yellow",
    "waiting": "yellow",
    "completed": "green",
    "failed": "red",
    "crashed": "red",
    "cancelled": "magenta",
    "skipped": "dim",
}
_LEVELS = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red", "DEBUG": "dim"}


def print_runs(rows: Sequence[RunRow]) -> None:
    """A line a run; a terminal has short ids, since their beginning is enough to name a run."""
    head = ("ID", "STATUS", "WORKFLOW", "NAME", "STARTED", "DURATION")
    cut = 8 if _on_terminal() else None
    _print_table(
        head,
        [
            (row.id[:cut], row.status, row.workflow, row.name, _when(row.started_at), _seconds(row.duration))
            for row in rows
        ],
        styled=1,
    )


def print_detail(detail: RunDetail) -> None:
    row = detail.row
    said = f"{row.workflow}, run {row.name} ({row.id})"
    lines = [printable(said), f"Status: {row.status}{' (its process is gone)' if detail.stale else ''}"]
    if row.started_at is not None:
        lines.append(f"Started: {_when(row.started_at)}, {_seconds(row.duration)}")
    if detail.message:
        lines.append(f"Prefect says: {one_line(detail.message)}")
    print("\n".join(lines))
    if detail.tasks:
        print()
        head = ("TASK", "STATUS", "ATTEMPTS", "DURATION", "ERROR")
        _print_table(head, [_task(name, task) for name, task in detail.tasks.items()], styled=1)
    if detail.result is not None:
        # Its first three lines are said above.
        print("\n" + render_result(detail.result).split("\n\n", 1)[1], end="")


def print_log(line: LogLine) -> None:
    """A line of the log; of a message with several lines the later ones are set in."""
    said = f"{line.task}: {line.message}" if line.task is not None else line.message
    first, *more = (printable(text) for text in said.split("\n"))
    moment = _when(line.timestamp)
    text = "\n".join([f"{moment} {line.level:8} {first}", *(f"{'':29}{text}" for text in more)])
    if not _on_terminal():
        print(text, flush=True)
        return
    from rich.console import Console

    Console(force_terminal=True, highlight=False, soft_wrap=True).print(
        text, style=_LEVELS.get(line.level, ""), markup=False
    )


def _task(name: str, task: dict[str, Any]) -> tuple[str, ...]:
    error = one_line(task["error"] or "")
    if task["error_class"] and error:
        error = f"{task['error_class']}: {error}"
    return name, task["status"], str(task["attempts"]), _seconds(task["duration"]), error


def _print_table(head: Sequence[str], rows: Iterable[Sequence[str]], *, styled: int) -> None:
    """Columns by spaces; on a terminal in colours and cut to its width."""
    clean = [[printable(cell) for cell in row] for row in rows]
    if not _on_terminal():
        widths = [max(map(len, column)) for column in zip(head, *clean, strict=True)]
        for row in (head, *clean):
            padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            print("  ".join(padded).rstrip())
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in head:
        table.add_column(name, no_wrap=name != "ERROR", overflow="ellipsis")
    for row in clean:
        cells = [Text(cell) for cell in row]
        cells[styled].stylize(_STYLES.get(row[styled], ""))
        table.add_row(*cells)
    Console(force_terminal=True, highlight=False).print(table)


def _on_terminal() -> bool:
    return sys.stdout.isatty()


def _when(moment: str | None) -> str:
    """In the zone of whoever reads it."""
    if moment is None:
        return "-"
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _seconds(duration: float | None) -> str:
    if duration is None:
        return "-"
    minutes, seconds = divmod(duration, 60)
    hours, minutes = divmod(int(minutes), 60)
    if hours:
        return f"{hours}h {minutes:02}m {int(seconds):02}s"
    return f"{minutes}m {int(seconds):02}s" if minutes else f"{seconds:.2f}s"
