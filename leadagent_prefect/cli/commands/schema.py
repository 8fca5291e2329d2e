"""``leadagent schema``: the JSON Schema of workflow files, for editors."""

from __future__ import annotations

import json

import click


@click.command("schema")
@click.option("-o", "--output", metavar="FILE", help="Write to a file instead of standard output.")
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
def command(output: str | None, force: bool) -> int:
    """Print the JSON Schema of workflow files, for editors."""
    from leadagent_prefect.cli.files import write_output
    from leadagent_prefect.schema import json_schema

    write_output(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n", output, force=force)
    return 0
