"""``leadagent doctor``: what is installed, what is wrong, how to mend it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from leadagent_prefect.doctor import Finding


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as one JSON list.")
def command(as_json: bool) -> int:
    """Say what is installed, what is wrong, and how to mend it.

    Nothing is started. The exit code is 1 if something is wrong that stops a run.
    """
    from leadagent_prefect.doctor import examine

    findings = examine()
    if as_json:
        sys.stdout.write(json.dumps([asdict(finding) for finding in findings], indent=2) + "\n")
    else:
        sys.stdout.write("".join(f"{line}\n" for finding in findings for line in _lines(finding)))
    return 1 if any(finding.status == "error" for finding in findings) else 0


def _lines(finding: Finding) -> Iterator[str]:
    from leadagent_prefect.diagnostics.words import printable

    yield f"{finding.status:8} {finding.check}: {printable(finding.found)}"
    if finding.mend:
        yield f"{'':8} mend: {printable(finding.mend)}"
