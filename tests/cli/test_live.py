"""The live picture of a run, drawn on a console in memory by a clock of the test."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from leadagent_prefect.cli.progress.display import Display, describe
from leadagent_prefect.cli.progress.live import LiveDisplay
from leadagent_prefect.observe.events import Event


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=80, force_terminal=False)


@pytest.fixture
def live(console, clock):
    return LiveDisplay(["fetch", "later", *map(str, range(18))], console, clock)


def event(type: str, name: str = "fetch", **facts) -> Event:
    return Event(type, "run", "flow", name, **facts)


def picture(live: LiveDisplay) -> list[str]:
    console = Console(file=io.StringIO(), width=80)
    with console.capture() as capture:
        console.print(live._picture())
    return [line.strip(" ⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏\n") for line in capture.get().splitlines()]


def test_running_tasks_show_how_long_they_run(live, clock):
    live(event("task_started"))
    clock.now = 2.5
    assert picture(live) == ["fetch: 2.5s", "0/20 tasks, 2s"]


def test_a_task_in_back_off_counts_down_and_then_runs_again(live, clock):
    live(event("task_started"))
    live(event("task_retrying", attempt=1, execution_time=4.0, error="no", error_class="timeout"))
    clock.now = 1.0
    assert picture(live)[0] == "fetch: waits 3s, attempt 2"
    clock.now = 5.0
    assert picture(live)[0] == "fetch: 5.0s, attempt 2"


def test_what_has_ended_leaves_a_line_and_counts(live, console):
    live(event("workflow_started", "flow"))
    live(event("task_started", item="3"))
    live(event("task_completed", item="3", execution_time=1.0))
    live(event("task_skipped", "later", error="not [bold]wanted\x1b"))
    assert picture(live) == ["1/20 tasks, 0s"]  # an item is no task
    assert console.file.getvalue() == (
        "fetch[3]: completed in 1.00s\nlater: skipped: not [bold]wanted\\x1b\n"
    )


def test_what_is_undone_is_shown_and_not_counted(live, console):
    live(event("compensation_started", item="3"))
    assert picture(live) == ["undo:fetch[3]: 0.0s", "0/20 tasks, 0s"]
    live(event("compensation_finished", item="3", execution_time=1.0))
    assert picture(live) == ["0/20 tasks, 0s"]
    assert console.file.getvalue() == "undo:fetch[3]: completed in 1.00s\n"


def test_more_tasks_than_fit_are_counted(live):
    for number in range(15):
        live(event("task_started", f"t{number}"))
    assert picture(live)[-2:] == ["and 3 more", "0/20 tasks, 0s"]


@pytest.mark.parametrize("name", ["a_task_with_a_long_name_" * 9, "日本語" * 30])
def test_a_row_is_one_line_however_long_the_name(clock, name):
    live = LiveDisplay([name], Console(file=io.StringIO(), width=40), clock)
    live(event("task_started", name))
    live(event("task_retrying", name, attempt=1, execution_time=4.0, error="no", error_class="timeout"))
    (row, _) = picture(live)
    assert row.startswith(name[:8])
    assert row.endswith("…: waits 4s, attempt 2")
    assert cell_len(row) <= 38


def test_lines_of_our_own_cannot_steer_the_terminal(live, console):
    live.say("starting\x1b[2J [red]x[/red]")
    assert console.file.getvalue() == "starting\\x1b[2J [red]x[/red]\n"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (event("task_completed", execution_time=1.234, attempt=2), "fetch: completed in 1.23s, attempt 2"),
        (event("task_failed", error_class="timeout"), "fetch: failed in 0.00s (timeout): no reason given"),
        (event("task_cancelled", error="stop"), "fetch: cancelled: stop"),
        (event("compensation_started"), "undo:fetch: started"),
        (event("compensation_finished", item="3", execution_time=1), "undo:fetch[3]: completed in 1.00s"),
        (
            event("compensation_finished", error="no", error_class="tool_error"),
            "undo:fetch: failed in 0.00s (tool_error): no",
        ),
        (event("workflow_finished"), None),
    ],
)
def test_events_in_words(given, words):
    assert describe(given) == words


def test_a_display_that_shows_nothing_takes_everything():
    with Display() as shown:
        shown(event("task_started"))
        shown.say("x")


def test_what_runs_at_the_end_is_shown_and_not_counted(live):
    live(event("task_started", "clean"))
    assert picture(live) == ["clean: 0.0s", "0/20 tasks, 0s"]
    live(event("task_completed", "clean", execution_time=0.0))
    assert picture(live) == ["0/20 tasks, 0s"]
