"""Runs as Prefect's API has them: listed, looked at, their logs, and how they are cancelled.

Everything here takes a `PrefectClient`; `ask` gives one to code without an event loop.
"""

from __future__ import annotations

from leadagent_prefect.runs.asking import ask
from leadagent_prefect.runs.cancel import cancel
from leadagent_prefect.runs.detail import RunDetail, detail_of
from leadagent_prefect.runs.find import find_run
from leadagent_prefect.runs.listing import list_runs
from leadagent_prefect.runs.logs import LogLine, follow_logs, read_logs
from leadagent_prefect.runs.status import STATUSES, RunRow, row_of, status_of

__all__ = [
    "STATUSES",
    "LogLine",
    "RunDetail",
    "RunRow",
    "ask",
    "cancel",
    "detail_of",
    "find_run",
    "follow_logs",
    "list_runs",
    "read_logs",
    "row_of",
    "status_of",
]
