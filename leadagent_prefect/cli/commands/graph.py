"""``leadagent graph``: the picture of a workflow."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import click


@click.command("graph")
@click.argument("file", metavar="FILE")
@click.option(
    "--format",
    type=click.Choice(["tree", "mermaid", "dot", "svg", "html"]),
    help="By default what the ending of --output says, otherwise tree.",
)
@click.option("-o", "--output", metavar="FILE", help="Write to a file instead of standard output.")
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
def command(file: str, format: str | None, output: str | None, force: bool) -> int:
    """Draw a workflow's tasks and who waits for whom."""
    from leadagent_prefect.cli.files import write_output
    from leadagent_prefect.cli.workflow_file import load_plan
    from leadagent_prefect.graph import FORMATS, Format, render_graph

    suffix = Path(output or "").suffix.lower()
    guessed = next((name for name, endings in FORMATS.items() if suffix in endings), "tree")
    write_output(render_graph(load_plan(file), cast(Format, format or guessed)), output, force=force)
    return 0
