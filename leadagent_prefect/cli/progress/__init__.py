"""What is shown on stderr while a run goes on: lines, or a live picture on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection

from leadagent_prefect.cli.progress.display import Display, Silence


def display(tasks: Collection[str], *, quiet: bool) -> Display:
    """The display that fits: none with ``--quiet``, a live one on a terminal, otherwise a line an event.

    ``tasks`` are those that the result will count.
    """
    if quiet:
        return Silence()
    if sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        from leadagent_prefect.cli.progress.live import LiveDisplay

        return LiveDisplay(tasks)
    from leadagent_prefect.cli.progress.lines import LineDisplay

    return LineDisplay()
