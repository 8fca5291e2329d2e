"""``leadagent run``: runs a workflow now, shows it as it goes, prints what it came to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from leadagent_prefect.cli import options
from leadagent_prefect.errors import ConfigurationError

if TYPE_CHECKING:
    from leadagent_prefect.cli.progress.display import Display
    from leadagent_prefect.loader import Loaded
    from leadagent_prefect.results import WorkflowResult


@click.command("run")
@click.argument("file", metavar="FILE")
@options.inputs
@click.option("--inputs", "inputs_file", metavar="FILE", help="Inputs as a mapping in a YAML or JSON file.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole result as one JSON object.")
@click.option("--no-cache", is_flag=True, help="Reuse no result of an earlier run, and keep none.")
@click.option("--quiet", is_flag=True, help="Show no progress on stderr.")
def command(
    file: str,
    assignments: tuple[str, ...],
    inputs_file: str | None,
    as_json: bool,
    no_cache: bool,
    quiet: bool,
) -> int:
    """Run a workflow now.

    Progress goes to stderr, the result to stdout. Ctrl-C cancels the run; a second one gives up at once.
    The exit code is 0 if the run completed, 1 if it failed or was cancelled.
    """
    from leadagent_prefect.cli.interrupts import Interrupts
    from leadagent_prefect.cli.progress import display
    from leadagent_prefect.cli.running import conclude
    from leadagent_prefect.cli.workflow_file import load_workflow
    from leadagent_prefect.inputs import check_inputs

    with Interrupts() as interrupts:
        loaded = load_workflow(file, quiet=quiet)
        inputs = check_inputs(loaded.workflow, _inputs(loaded, assignments, inputs_file))
        with display([task.name for task in loaded.workflow.tasks], quiet=quiet) as shown:
            result = _run(loaded, inputs, shown, interrupts, cache=not no_cache)
    return conclude(result, interrupts, as_json=as_json)


def _inputs(loaded: Loaded, assignments: tuple[str, ...], path: str | None) -> dict[str, Any]:
    from leadagent_prefect.inputs import parse_assignments

    from_file = _inputs_of(path) if path is not None else {}
    return {**from_file, **parse_assignments(assignments, loaded.workflow)}


def _inputs_of(path: str) -> Mapping[str, Any]:
    from leadagent_prefect.diagnostics import render_text
    from leadagent_prefect.source import read_path

    document = read_path(path)
    if document.problems:
        raise ConfigurationError(render_text(document.problems), document.problems)
    if not isinstance(document.data, Mapping):
        raise ConfigurationError(f"{path}: inputs are a mapping of names to values")
    return document.data


def _run(
    loaded: Loaded, inputs: Mapping[str, Any], shown: Display, interrupts: Any, *, cache: bool
) -> WorkflowResult:
    from leadagent_prefect.cli.running import prepare_prefect, to_its_end
    from leadagent_prefect.embedded import ensure_api

    api = ensure_api(shown.say)
    prepare_prefect()
    from leadagent_prefect.lead_agent import LeadAgent

    return to_its_end(LeadAgent([shown], cache=cache).start(loaded, inputs), api, shown, interrupts)
