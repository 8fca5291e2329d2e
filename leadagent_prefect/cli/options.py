"""Options that more than one command has."""

from __future__ import annotations

import click

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
