"""``leadagent runs``: the runs of workflows, newest first."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient

    from leadagent_prefect.runs import RunRow

#: Those of `leadagent_prefect.runs.STATUSES`, which can't be imported without prefect.
STATUSES = ("queued", "running", "paused", "cancelling", "completed", "failed", "cancelled", "crashed")
_SUCH = f"Only such runs: {', '.join(STATUSES)}. May be given more than once."


@click.command("runs")
@click.option("--workflow", metavar="NAME", help="Only runs of this workflow.")
@click.option(
    "--status", "statuses", type=click.Choice(STATUSES), metavar="STATUS", multiple=True, help=_SUCH
)
@click.option(
    "--limit", type=click.IntRange(1), default=20, show_default=True, metavar="N", help="At most N."
)
@click.option("--stale", is_flag=True, help="Only runs that seem to go on, and whose process is gone.")
@click.option("--json", "as_json", is_flag=True, help="Print the runs as one JSON list.")
def command(workflow: str | None, statuses: tuple[str, ...], limit: int, stale: bool, as_json: bool) -> int:
    """List runs, the newest first.

    Runs of deployments are among them as soon as they are due.
    """
    from leadagent_prefect.cli.api_client import asked
    from leadagent_prefect.cli.failures import say
    from leadagent_prefect.cli.run_texts import print_runs

    if stale and statuses:
        raise click.UsageError("--stale and --status can't be combined: stale runs are running or cancelling")

    async def look(client: PrefectClient) -> list[RunRow]:
        from leadagent_prefect.runs import list_runs

        return await list_runs(client, workflow=workflow, statuses=statuses, limit=limit, stale=stale)

    rows = asked(look)
    if as_json:
        sys.stdout.write(json.dumps([row.as_data() for row in rows], indent=2) + "\n")
    elif rows:
        print_runs(rows)
    else:
        say("No such run" if stale or statuses or workflow else "No run yet")
    return 0
