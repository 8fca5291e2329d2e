"""What the commands have in common that run a workflow in this process."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leadagent_prefect.cli.interrupts import Interrupts
    from leadagent_prefect.cli.progress.display import Display
    from leadagent_prefect.embedded import PrefectApi
    from leadagent_prefect.lead_agent import RunHandle
    from leadagent_prefect.results import WorkflowResult


def prepare_prefect() -> None:
    """Before prefect is imported: its log lines go to its API, not to our stderr.

    Where that API is, and its credential, is the run's business alone (`use_api`): in the environment
    every template and every child process would see it.
    """
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")


def to_its_end(handle: RunHandle, api: PrefectApi, shown: Display, interrupts: Interrupts) -> WorkflowResult:
    """Waits for the run, and says where Prefect's UI shows it."""
    interrupts.wait(handle, shown.say)
    result = handle.result()
    shown.say(f"Prefect UI: {api.ui_url}/runs/flow-run/{result.flow_run_id}")
    return result


def conclude(result: WorkflowResult, interrupts: Interrupts, *, as_json: bool) -> int:
    """Prints the result; gives the exit code."""
    from leadagent_prefect.cli.result_text import render_result

    # ASCII alone: every reader takes it, and nothing in it can steer a terminal.
    text = json.dumps(result.model_dump(mode="json"), indent=2) + "\n" if as_json else render_result(result)
    sys.stdout.write(text)
    if interrupts.number is not None:
        return 128 + interrupts.number
    return 0 if result.status == "completed" else 1
