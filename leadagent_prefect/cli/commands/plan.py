"""``leadagent plan``: what would run, without a call."""

from __future__ import annotations

import json
import sys

import click

from leadagent_prefect.cli import options


@click.command("plan")
@click.argument("file", metavar="FILE")
@options.closed
@click.option("--json", "as_json", is_flag=True, help="Print the plan as one JSON object.")
def command(file: str, closed: bool, as_json: bool) -> int:
    """Show what would run: order, dependencies, retries, worst case.

    No call is made.
    """
    from leadagent_prefect.cli.plan_report import plan_report
    from leadagent_prefect.cli.plan_text import lines
    from leadagent_prefect.cli.workflow_file import load_plan

    plan = load_plan(file)
    report = plan_report(plan, opened=options.is_opened(plan, closed))
    sys.stdout.write(f"{json.dumps(report, indent=2)}\n" if as_json else "\n".join(lines(report)) + "\n")
    return 0
