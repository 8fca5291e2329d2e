"""``leadagent deploy``: workflow files -> deployments on the Prefect API."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from leadagent_prefect.cli import options
from leadagent_prefect.errors import ConfigurationError

if TYPE_CHECKING:
    from leadagent_prefect.cli.compiling import Compiled
    from leadagent_prefect.cli.deploying import Deployed
    from leadagent_prefect.emit.prefect_yaml import Tuned


@click.command("deploy")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "-o", "--output", default="flows", show_default=True, metavar="PATH", help="The folder of the flows."
)
@click.option("--pool", metavar="NAME", help="Work pool of the deployments.  [default: leadagent]")
@click.option(
    "--concurrency-limit", type=click.IntRange(min=1), metavar="N", help="At most N runs of each at a time."
)
@options.inputs
@click.option(
    "--force", is_flag=True, help="Replace flows that were changed, and entries that lead elsewhere."
)
@click.option("--json", "as_json", is_flag=True, help="Print the deployments as one JSON list.")
def command(
    files: tuple[str, ...],
    output: str,
    pool: str | None,
    concurrency_limit: int | None,
    assignments: tuple[str, ...],
    force: bool,
    as_json: bool,
) -> int:
    """Compile workflow files and deploy them.

    What compile writes is written, and Prefect deploys these workflows alone, to a work pool that is made
    where it is missing. Options are kept in prefect.yaml; inputs are the defaults of runs that lack them.
    """
    from leadagent_prefect.cli.changes import flow_changes
    from leadagent_prefect.cli.compiling import compile_files
    from leadagent_prefect.cli.failures import say
    from leadagent_prefect.cli.prefect_file import deployment_change

    compiled = compile_files(files, output)
    if output == "-" or not all(one.is_within(Path.cwd()) for one in compiled):
        raise ConfigurationError(f"--output {output}: what is deployed lies in or below the working folder")
    tuned = _tuned(compiled, pool, concurrency_limit, assignments)
    prefect_file = deployment_change(compiled, tuned=tuned, force=force, keep_gone=False)
    for change in [*flow_changes(compiled, force=force), prefect_file]:
        say(f"{change.path}: {change.write()}")
    deployed = _deploy(compiled, prefect_file.text)
    if as_json:
        sys.stdout.write(json.dumps([asdict(one) for one in deployed], indent=2) + "\n")
    else:
        sys.stdout.write("".join(map(_shown, deployed)))
    return 0


def _tuned(
    compiled: Sequence[Compiled], pool: str | None, limit: int | None, assignments: Sequence[str]
) -> Tuned:
    from leadagent_prefect.emit.placeholders import unsafe
    from leadagent_prefect.emit.prefect_yaml import Tuned
    from leadagent_prefect.inputs import check_inputs, parse_assignments

    if pool is not None and (not pool or set(pool) & set("/%&<>{}")):
        raise ConfigurationError(f'--pool "{pool}": a name is not empty and holds none of / % & < > {{ }}')
    given = {}
    for one in compiled:
        given = check_inputs(one.workflow, parse_assignments(assignments, one.workflow), whole=False)
        if problems := [line for name, value in given.items() for line in unsafe(value, f'input "{name}"')]:
            raise ConfigurationError("\n".join(problems))
    return Tuned(pool, limit, given)


def _deploy(compiled: Sequence[Compiled], text: str) -> list[Deployed]:
    from leadagent_prefect.cli.failures import say
    from leadagent_prefect.embedded import ensure_api, use_api

    api = ensure_api(say)
    if api.embedded:
        say(
            f"For the command prefect: PREFECT_API_URL={api.url}, and as PREFECT_API_AUTH_STRING what "
            "leadagent server status --show-auth shows"
        )
    with use_api(api):
        from leadagent_prefect.cli.deploying import deploy

        return deploy(api, text, [one.entrypoint for one in compiled], say)


def _shown(one: Deployed) -> str:
    from leadagent_prefect.diagnostics.words import printable

    lines = [
        f'{one.name}: deployed to the work pool "{one.work_pool}"',
        f"  run it:     prefect deployment run {shlex.quote(one.name)}",
        f"  Prefect UI: {one.ui_url}",
    ]
    return "".join(f"{printable(line)}\n" for line in lines)
