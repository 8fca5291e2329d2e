"""What every display can do, and the one that shows nothing."""

from __future__ import annotations

from types import TracebackType

from leadagent_prefect.cli.result_text import one_line
from leadagent_prefect.observe.events import Event


class Display:
    """An observer of a run; events come in order, in a thread of their own."""

    def __call__(self, event: Event) -> None:
        """Takes in one event."""

    def say(self, text: str) -> None:
        """Shows a line of our own."""

    def __enter__(self) -> Display:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leaves the terminal as it was."""


class Silence(Display):
    """``--quiet``."""


def describe(event: Event) -> str | None:
    """An event of a task, or of its undoing, in words; None for one of the whole run, of which the result
    will tell.
    """
    if not event.type.startswith(("task_", "compensation_")):
        return None
    return f"{one_line(subject(event))}: {_words(event)}"


def subject(event: Event) -> str:
    """Whose event it is, a task's, an item's, or of the undoing of one, as Prefect names its task run."""
    undo = "undo:" if event.type.startswith("compensation_") else ""
    return f"{undo}{event.name}{f'[{event.item}]' if event.item else ''}"


def _words(event: Event) -> str:
    what = event.type.partition("_")[2]
    if what == "finished":
        what = "completed" if event.error is None else "failed"
    error = one_line(event.error or "no reason given")
    if what == "completed":
        again = f", attempt {event.attempt}" if (event.attempt or 1) > 1 else ""
        return f"completed in {event.execution_time or 0:.2f}s{again}"
    if what == "retrying":
        wait = event.execution_time or 0
        return f"attempt {event.attempt} failed ({event.error_class}): {error}; again in {wait:.1f}s"
    if what == "failed":
        return f"failed in {event.execution_time or 0:.2f}s ({event.error_class}): {error}"
    return what if what == "started" else f"{what}: {error}"
