"""Options that more than one command has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from leadagent_prefect.errors import ConfigurationError

if TYPE_CHECKING:
    from leadagent_prefect.plan import Plan

#: Tasks that are shown: a few sub-workflows that call each other often can be billions.
_MOST_SHOWN = 20_000

#: ``-i NAME=VALUE``, any number of times, as the parameter ``assignments``.
inputs = click.option(
    "-i",
    "--input",
    "assignments",
    multiple=True,
    metavar="NAME=VALUE",
    help="An input; JSON where it parses.",
)

#: ``--closed``, as the parameter ``closed``.
closed = click.option(
    "--closed", is_flag=True, help="Show a sub-workflow, or tasks that stand inline, as one task."
)

#: The run that a command is about.
run_id = click.argument("run_id", metavar="RUN_ID")


def is_opened(plan: Plan, closed: bool) -> bool:
    """Whether to show the tasks in tasks; `ConfigurationError` where there are too many of them."""
    if closed or plan.size <= _MOST_SHOWN:
        return not closed
    raise ConfigurationError(
        f"{plan.name}: with all sub-workflows opened there are {plan.size:,} tasks to show: use --closed"
    )
