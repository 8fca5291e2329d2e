"""``leadagent status``: one run as it is, or what it came to."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from leadagent_prefect.cli import options

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient

    from leadagent_prefect.runs import RunDetail


@click.command("status")
@options.run_id
@click.option("--json", "as_json", is_flag=True, help="Print it as one JSON object.")
def command(run_id: str, as_json: bool) -> int:
    """Show one run: its status and its tasks.

    RUN_ID is its id, the beginning of it (at least 6 digits), or its name.
    """
    from leadagent_prefect.cli.api_client import asked
    from leadagent_prefect.cli.run_texts import print_detail

    async def look(client: PrefectClient) -> RunDetail:
        from leadagent_prefect.runs import detail_of, find_run

        return await detail_of(client, await find_run(client, run_id))

    found = asked(look)
    if as_json:
        sys.stdout.write(json.dumps(found.as_data(), indent=2) + "\n")
    else:
        print_detail(found)
    return 0
