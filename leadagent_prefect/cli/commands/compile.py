"""``leadagent compile``: workflow files -> Python files with a Prefect flow each, and prefect.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from leadagent_prefect.cli.changes import Change


@click.command("compile")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "-o",
    "--output",
    default="flows",
    show_default=True,
    metavar="PATH",
    help="The folder of the flows; a .py file, or - for standard output, where there is one workflow.",
)
@click.option("--check", is_flag=True, help="Write nothing; fail if a file is not as it would be written.")
@click.option(
    "--force", is_flag=True, help="Replace files that leadagent did not write, or that were changed."
)
def command(files: tuple[str, ...], output: str, check: bool, force: bool) -> int:
    """Compile workflow files, or all of a folder, to Prefect flows.

    Each becomes a Python file with a literal flow, named after the workflow, and an entry of prefect.yaml
    in the working folder, so that `prefect deploy --all` takes it. With --check the exit code is 1 where a
    file is stale.
    """
    from leadagent_prefect.cli.changes import flow_changes
    from leadagent_prefect.cli.compiling import compile_files
    from leadagent_prefect.cli.prefect_file import deployment_change

    compiled = compile_files(files, output)
    if output == "-":
        print(compiled[0].text, end="")
        return 0
    found = flow_changes(compiled, force=force or check)
    if all(one.is_within(Path.cwd()) for one in compiled):
        found.append(deployment_change(compiled, force=force))
    if check:
        return _check(found)
    for change in found:
        print(f"{change.path}: {change.write()}")
    return 0


def _check(found: list[Change]) -> int:
    from leadagent_prefect.cli.failures import FAILED, say

    stale = [change for change in found if change.is_due]
    for change in stale:
        say(f"{change.path}: {change.stale}")
    if not stale:
        print(f"{len(found)} files are as they would be written")
    return FAILED if stale else 0
