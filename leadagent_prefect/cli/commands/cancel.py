"""``leadagent cancel``: ends a run, wherever it goes on."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from leadagent_prefect.cli import options
from leadagent_prefect.cli.failures import say

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient

    from leadagent_prefect.runs import RunDetail


@click.command("cancel")
@options.run_id
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until the run has ended.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the run as one JSON object.")
def command(run_id: str, wait: bool, timeout: float, as_json: bool) -> int:
    """Cancel a run.

    Calls under way are cut short, nothing more starts, and what was done is undone where it can be;
    cancelling once more ends that too. RUN_ID is its id, the beginning of it (at least 6 digits), or its
    name. The exit code is 1 if the run was not cancelled.
    """
    from leadagent_prefect.cli.api_client import asked

    async def end(client: PrefectClient) -> RunDetail:
        from leadagent_prefect.runs import cancel, detail_of, find_run

        run = await find_run(client, run_id)
        if run.state is not None and run.state.is_cancelling():
            say("The run is being cancelled: once more, so that it undoes nothing more")
        return await detail_of(client, await cancel(client, run, wait=timeout if wait else None))

    found = asked(end)
    if as_json:
        sys.stdout.write(json.dumps(found.as_data(), indent=2) + "\n")
    else:
        print(f"{found.row.name}: {found.row.status}{f' ({found.message})' if found.message else ''}")
    return 0 if found.row.status == "cancelled" or (not wait and found.row.status == "cancelling") else 1
