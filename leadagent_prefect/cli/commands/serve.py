"""``leadagent serve``: the REST API server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from leadagent_prefect.cli.failures import say


@click.command("serve")
@click.option("--host", help="The address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="The port; 0 takes a free one.  [default: 8000]")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Settings, in YAML or TOML.",
)
@click.option("--reload", is_flag=True, default=None, help="Start anew when the code changes.")
@click.option("--workers", type=click.IntRange(1), metavar="N", help="Server processes.  [default: 1]")
@click.option("--insecure", is_flag=True, default=None, help="Listen on other addresses without API keys.")
@click.option("--no-worker", "worker", flag_value=False, default=None, help="Start no worker for the runs.")
@click.option("--debug", is_flag=True, default=None, help="Log more, and show tracebacks of errors.")
def command(config: Path | None, **given: Any) -> None:
    """Serve the REST API: run workflows that are sent over HTTP.

    It listens on this machine alone unless there are API keys. Every option can stand in the config file, or
    in the environment as LEADAGENT_SERVE_PORT and the like.
    """
    from leadagent_prefect.api.settings import read_settings

    settings = read_settings({name: value for name, value in given.items() if value is not None}, config)
    from leadagent_prefect.embedded import set_client_defaults

    set_client_defaults()
    from leadagent_prefect.api.server import serve

    serve(settings, say)
