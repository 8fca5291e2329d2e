"""``leadagent validate``: every problem of workflow files, at once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from leadagent_prefect.diagnostics import Diagnostic
    from leadagent_prefect.draft import Draft


@click.command("validate")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--format",
    type=click.Choice(["text", "json", "github", "sarif"]),
    default="text",
    show_default=True,
    help="text goes to stderr; json, github (annotations) and sarif to stdout.",
)
@click.option("--strict", is_flag=True, help="Let warnings fail too.")
def command(files: tuple[str, ...], format: str, strict: bool) -> int:
    """Check workflow files, and show all their problems.

    "-" reads standard input. The exit code is 2 if a file has an error.
    """
    from leadagent_prefect.cli.failures import coloured
    from leadagent_prefect.cli.workflow_file import read_document
    from leadagent_prefect.diagnostics import render_text
    from leadagent_prefect.loader import examine

    found: list[Diagnostic] = []
    known: set[Diagnostic] = set()
    for path in dict.fromkeys(files):
        draft, diagnostics = examine(read_document(path))
        # A sub-workflow may be one of several files, and be named itself.
        new = [diagnostic for diagnostic in diagnostics if diagnostic not in known]
        known.update(new)
        found += new
        if format == "text":
            sys.stderr.write(render_text(new, color=coloured()))
            _sum_up(path, draft, diagnostics, strict)
    if format != "text":
        sys.stdout.write(_machine(format, found))
    return 2 if any(_fails(diagnostic, strict) for diagnostic in found) else 0


def _fails(diagnostic: Diagnostic, strict: bool) -> bool:
    return strict or diagnostic.severity == "error"


def _sum_up(path: str, draft: Draft, diagnostics: list[Diagnostic], strict: bool) -> None:
    from leadagent_prefect.cli.failures import say
    from leadagent_prefect.diagnostics.words import printable

    errors = sum(diagnostic.severity == "error" for diagnostic in diagnostics)
    warnings = len(diagnostics) - errors
    counts = [_count(number, word) for number, word in ((errors, "error"), (warnings, "warning")) if number]
    if any(_fails(diagnostic, strict) for diagnostic in diagnostics):
        say(f"{path}: {' and '.join(counts)}")
        return
    size = f"{_count(len(draft.tasks), 'task')}, {_count(len(draft.agents), 'agent')}"
    print(f"{printable(path)}: valid ({', '.join([size, *counts])})", flush=True)


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _machine(format: str, diagnostics: list[Diagnostic]) -> str:
    from leadagent_prefect import diagnostics as renderers

    return {
        "json": renderers.render_json,
        "github": renderers.render_github,
        "sarif": renderers.render_sarif,
    }[format](diagnostics)
