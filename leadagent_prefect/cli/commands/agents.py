"""``leadagent agents``: the types there are, and a first call to an agent of a file."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from leadagent_prefect.cli import options
from leadagent_prefect.errors import ConfigurationError

if TYPE_CHECKING:
    from leadagent_prefect.models import AgentConfig, Workflow

#: What can be asked of every service of a type, and changes nothing there.
_HARMLESS = {"http_api": "GET", "mcp_server": "list_tools"}


@click.group("agents")
def command() -> None:
    """The known types of agents; one call to one agent of a file."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print the types as one JSON object.")
def _list(as_json: bool) -> int:
    """List the known types, and where each comes from."""
    from leadagent_prefect.agents.registry import AgentFactory

    types = AgentFactory.types()
    if as_json:
        sys.stdout.write(json.dumps(types, indent=2) + "\n")
        return 0
    width = max(map(len, types))
    print("\n".join(f"{name:{width}}  {source}" for name, source in types.items()))
    return 0


@command.command("test")
@click.argument("file", metavar="FILE")
@click.argument("agent", metavar="AGENT")
@click.option("--action", help="By default GET for an http_api, list_tools for an mcp_server.")
@click.option("--parameters", metavar="JSON", default="{}", help="The parameters of the call, a JSON object.")
@options.inputs
def _test(file: str, agent: str, action: str | None, parameters: str, assignments: tuple[str, ...]) -> int:
    """Make one call to the agent AGENT of FILE, and print its answer as JSON.

    Secrets come from environment variables; Prefect takes no part. The exit code is 1 if the call failed.
    """
    import asyncio

    from leadagent_prefect.agents.registry import make_importable
    from leadagent_prefect.cli.workflow_file import load_workflow
    from leadagent_prefect.engine.steps.agent_call import call_agent
    from leadagent_prefect.inputs import check_inputs, parse_assignments

    loaded = load_workflow(file)
    config = _agent(loaded.workflow, agent)
    inputs = check_inputs(loaded.workflow, parse_assignments(assignments, loaded.workflow))
    chosen = action or _HARMLESS.get(config.type)
    if chosen is None:
        raise ConfigurationError(f"an agent of type {config.type} has no default action: give --action")
    make_importable(loaded.document.base)
    answer = asyncio.run(call_agent(config, chosen, _object(parameters), inputs))
    sys.stdout.write(json.dumps(answer, indent=2) + "\n")
    return 0 if answer["success"] else 1


def _agent(workflow: Workflow, name: str) -> AgentConfig:
    from leadagent_prefect.diagnostics import did_you_mean, quote

    agents = {agent.name: agent for agent in workflow.agents}
    if name not in agents:
        raise ConfigurationError(f"the file has no agent {quote(name)}: {did_you_mean(name, agents)}")
    return agents[name]


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"--parameters is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ConfigurationError("--parameters is not a JSON object")
    return value
