"""``leadagent resume``: takes up a run that failed, crashed, was cancelled or killed."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from leadagent_prefect.cli import options

if TYPE_CHECKING:
    from leadagent_prefect.runs.resume import Resumption
    from leadagent_prefect.runs.survey import Surveyed


@click.command("resume")
@options.run_id
@click.option("--force", is_flag=True, help="Go on with the file as it is now, changed or not.")
@click.option("--from", "from_task", metavar="TASK", help="Run TASK and all that depend on it again.")
@click.option("--dry-run", is_flag=True, help="Show what would be reused and what would run.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole result as one JSON object.")
@click.option("--quiet", "-q", is_flag=True, help="Show no progress on stderr.")
def command(
    run_id: str, force: bool, from_task: str | None, dry_run: bool, as_json: bool, quiet: bool
) -> int:
    """Take up a run that failed, crashed, was cancelled or killed.

    What has completed is not called again. RUN_ID is the id of a run, the beginning of it, or its name. A run
    that was interrupted at its end, while it undid what it had done or ran its on_failure and finally tasks,
    finishes that, and ends as it would have.
    """
    from leadagent_prefect.cli.interrupts import Interrupts
    from leadagent_prefect.cli.progress import display
    from leadagent_prefect.cli.running import conclude, prepare_prefect, to_its_end
    from leadagent_prefect.embedded import ensure_api

    with Interrupts() as interrupts, display([], quiet=quiet) as shown:
        api = ensure_api(shown.say)
        prepare_prefect()
        from leadagent_prefect.lead_agent import LeadAgent

        agent = LeadAgent([shown])
        found = agent.find(run_id, force=force, from_task=from_task)
        if not dry_run:
            result = to_its_end(agent.take_up(found), api, shown, interrupts)
    return _tell(found, as_json) if dry_run else conclude(result, interrupts, as_json=as_json)


def _tell(found: Resumption, as_json: bool) -> int:
    from leadagent_prefect.embedded import ensure_api
    from leadagent_prefect.runs import ask
    from leadagent_prefect.runs.survey import survey

    rows = {} if found.undoes else ask(ensure_api(), lambda client: survey(found))
    if as_json:
        tasks = {name: asdict(row) for name, row in rows.items()}
        data = {"id": str(found.run.id), "workflow": found.plan.name, "undoes": found.undoes, "tasks": tasks}
        sys.stdout.write(json.dumps(data, indent=2) + "\n")
        return 0
    lines = [f"{found.plan.name}, run {found.run.id}", *(_line(name, row) for name, row in rows.items())]
    if found.undoes:
        lines.append("  finishes its end: undoing, on_failure and finally; only the next resume goes forward")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _line(name: str, row: Surveyed) -> str:
    items = f" ({row.reused} of {row.total} items are reused)" if row.reused and row.what == "runs" else ""
    return f"  {row.what:<7}  {name}{items}"
