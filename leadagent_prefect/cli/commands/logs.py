"""``leadagent logs``: what a run has written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from leadagent_prefect.cli import options

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient

    from leadagent_prefect.runs import LogLine


@click.command("logs")
@options.run_id
@click.option("-f", "--follow", is_flag=True, help="Go on until the run has ended.")
@click.option("--json", "as_json", is_flag=True, help="Print each line as a JSON object on a line.")
def command(run_id: str, follow: bool, as_json: bool) -> int:
    """Show the log of a run.

    RUN_ID is its id, the beginning of it (at least 6 digits), or its name.
    """
    from leadagent_prefect.cli.api_client import asked
    from leadagent_prefect.cli.run_texts import print_log

    def show(line: LogLine) -> None:
        if as_json:
            print(json.dumps(line.as_data()), flush=True)
        else:
            print_log(line)

    async def read(client: PrefectClient) -> None:
        from leadagent_prefect.runs import find_run, follow_logs, read_logs

        run = await find_run(client, run_id)
        if follow:
            async for line in follow_logs(client, run.id):
                show(line)
            return
        for line in await read_logs(client, run.id):
            show(line)

    asked(read)
    return 0
