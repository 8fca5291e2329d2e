"""What is shown on stderr while a run goes on: lines, or a live picture on a terminal."""

from __future__ import annotations

import os
import sys

from leadagent_prefect.cli.progress.display import Display, Silence


def display(total: int, *, quiet: bool) -> Display:
    """The display that fits: none with ``--quiet``, a live one on a terminal, otherwise a line an event."""
    if quiet:
        return Silence()
    if sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        from leadagent_prefect.cli.progress.live import LiveDisplay

        return LiveDisplay(total)
    from leadagent_prefect.cli.progress.lines import LineDisplay

    return LineDisplay()
