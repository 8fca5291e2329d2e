"""``leadagent worker``: runs deployed workflows as they come."""

from __future__ import annotations

import os

import click

from leadagent_prefect.cli.failures import say
from leadagent_prefect.errors import ConfigurationError


@click.command("worker")
@click.option(
    "--pool",
    default="leadagent",
    show_default=True,
    metavar="NAME",
    help="The work pool; made where it is missing.",
)
@click.option("--queue", "queues", multiple=True, metavar="NAME", help="Only runs of this work queue.")
@click.option("--name", metavar="NAME", help="The worker's name in the Prefect UI.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most N runs at a time.")
@click.option(
    "--drain",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="How long runs may go on after SIGTERM or Ctrl-C, then they are cancelled.  [default: 60]",
)
def command(
    pool: str, queues: tuple[str, ...], name: str | None, limit: int | None, drain: float | None
) -> None:
    """Run deployed workflows as they come.

    Each has a process of its own, which starts at once. The worker ends by SIGTERM or Ctrl-C; a second one
    cancels what still runs, a third kills it.
    """
    from leadagent_prefect.embedded import client_environment, ensure_api

    for label, value in (("--name", name), ("--pool", pool)):
        if value is not None and (not value or set(value) & set("/%")):
            raise ConfigurationError(f"{label} {value!r}: a name is not empty and has neither / nor %")
    api = ensure_api(say)
    # Before prefect is imported. The runs' processes need it too, as those of Prefect's own workers do.
    os.environ.update(client_environment(api))
    from leadagent_prefect.worker.command import work

    work(api, pool=pool, queues=list(queues), name=name, limit=limit, drain=drain, say=say)
