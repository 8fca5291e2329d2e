"""One line an event, for logs and pipes."""

from __future__ import annotations

from leadagent_prefect.cli.failures import say
from leadagent_prefect.cli.progress.display import Display, describe
from leadagent_prefect.observe.events import Event


class LineDisplay(Display):
    """Every line is complete when it is written."""

    def __call__(self, event: Event) -> None:
        line = describe(event)
        if line is not None:
            say(line)

    def say(self, text: str) -> None:
        say(text)
