"""The live picture on a terminal: what has ended scrolls away above, what goes on stays below."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from types import TracebackType
from typing import cast

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from leadagent_prefect.cli.progress.display import Display, describe, subject
from leadagent_prefect.cli.result_text import one_line
from leadagent_prefect.diagnostics.words import printable
from leadagent_prefect.observe.events import Event

#: Rows of the picture; of more tasks at a time the rest is counted.
_ROWS = 12
_STARTS = ("task_started", "compensation_started")
_STYLES = {"task_completed": "green", "task_failed": "red", "task_retrying": "yellow"}


class LiveDisplay(Display):
    """Rows of running and waiting tasks, those at the end too, and how many of ``tasks`` have ended.

    ``clock`` is in seconds; what counts are its differences.
    """

    def __init__(
        self,
        tasks: Collection[str],
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tasks, self._clock = frozenset(tasks), clock
        self._console = console or Console(stderr=True, highlight=False)
        self._began = clock()
        self._rows: dict[str, _Row] = {}
        self._spinner = Spinner("dots")
        self._ended = 0
        self._lock = threading.Lock()
        self._live = Live(
            console=self._console, get_renderable=self._picture, transient=True, refresh_per_second=8
        )

    def __enter__(self) -> LiveDisplay:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._rows.clear()
        self._live.stop()

    def say(self, text: str) -> None:
        self._print(Text(printable(text)))

    def __call__(self, event: Event) -> None:
        line = describe(event)
        if line is None:
            return
        with self._lock:
            self._take(event)
        if event.type not in _STARTS:
            self._print(Text(line, style=_STYLES.get(event.type, "dim")))

    def _take(self, event: Event) -> None:
        key = subject(event)
        if event.type in _STARTS:
            self._rows[key] = _Row(one_line(key), self._clock())
        elif event.type == "task_retrying":
            row = self._rows.setdefault(key, _Row(one_line(key), self._clock()))
            row.attempt = (event.attempt or 1) + 1
            row.waits_until = self._clock() + (event.execution_time or 0)
        else:
            ended = event.item is None and event.type.startswith("task_")
            self._ended += ended and event.name in self._tasks
            self._rows.pop(key, None)

    def _print(self, text: Text) -> None:
        self._live.console.print(text, soft_wrap=True)

    def _picture(self) -> Group:
        now = self._clock()
        with self._lock:
            rows = list(self._rows.values())
            head = f"{self._ended}/{len(self._tasks)} tasks, {now - self._began:.0f}s"
        frame = cast(Text, self._spinner.render(self._console.get_time()))  # a Text, as it has none beside it
        mark = Text.assemble(frame, " ")
        width = self._console.width - mark.cell_len
        shown = [Text.assemble(mark, row.text(now, width), no_wrap=True) for row in rows[:_ROWS]]
        more = [Text(f"  and {len(rows) - _ROWS} more")] if len(rows) > _ROWS else []
        return Group(*shown, *more, Text(head, style="bold"))


class _Row:
    def __init__(self, name: str, since: float) -> None:
        self._name, self._since = name, since
        self.attempt = 1
        self.waits_until = 0.0

    def text(self, now: float, width: int) -> Text:
        """One line of ``width`` cells at most: a long name is cut, what is said of it is not."""
        waits = self.waits_until > now
        said = f"waits {self.waits_until - now:.0f}s" if waits else f"{now - self._since:.1f}s"
        said = f": {said}{f', attempt {self.attempt}' if self.attempt > 1 else ''}"
        name = Text(self._name)
        name.truncate(max(width - len(said), 1), overflow="ellipsis")
        return Text.assemble(name, said, style="yellow" if waits else "")
