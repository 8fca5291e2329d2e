"""``leadagent graph``: the picture of a workflow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from leadagent_prefect.cli import options
from leadagent_prefect.errors import ConfigurationError

if TYPE_CHECKING:
    from leadagent_prefect.graph import Format


@click.command("graph")
@click.argument("file", metavar="FILE")
@click.option(
    "--format",
    type=click.Choice(["tree", "mermaid", "dot", "svg", "html"]),
    help="By default what the ending of --output says, otherwise tree.",
)
@options.closed
@click.option("-o", "--output", metavar="FILE", help="Write to a file instead of standard output.")
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
def command(file: str, format: Format | None, closed: bool, output: str | None, force: bool) -> int:
    """Draw a workflow's tasks and who waits for whom."""
    from leadagent_prefect.cli.files import write_output
    from leadagent_prefect.cli.workflow_file import load_plan
    from leadagent_prefect.graph import render_graph

    chosen = format or _format_of(output)
    plan = load_plan(file)
    picture = render_graph(plan, chosen, opened=options.is_opened(plan, closed))
    write_output(picture, output, force=force)
    return 0


def _format_of(output: str | None) -> Format:
    """What the file's ending says; a tree in a file called .png would help nobody."""
    from leadagent_prefect.graph import FORMATS

    suffix = Path(output or "").suffix.lower()
    for name, endings in FORMATS.items():
        if suffix in endings:
            return name
    if suffix:
        known = ", ".join(ending for endings in FORMATS.values() for ending in endings)
        raise ConfigurationError(
            f"--output {output}: no format is known by the ending {suffix}: "
            f"use one of {known}, or say which format with --format"
        )
    return "tree"
