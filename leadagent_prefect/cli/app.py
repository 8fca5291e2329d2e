"""The group of commands: names here, modules on demand."""

from __future__ import annotations

from importlib import import_module

import click

from leadagent_prefect import __version__
from leadagent_prefect.diagnostics import did_you_mean

#: In the order in which ``--help`` lists them; each has a module here with a ``command``.
COMMANDS = (
    "validate",
    "run",
    "plan",
    "graph",
    "compile",
    "deploy",
    "runs",
    "status",
    "logs",
    "resume",
    "cancel",
    "schema",
    "init",
    "doctor",
    "agents",
    "breakers",
    "worker",
    "serve",
    "keys",
    "server",
)


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = import_module(f"leadagent_prefect.cli.commands.{cmd_name}").command
        for command in (found, *getattr(found, "commands", {}).values()):
            _take_debug(command)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            hint = did_you_mean(args[0], COMMANDS, "commands")
            raise click.UsageError(f"no such command: {args[0]}; {hint}", ctx)
        return super().resolve_command(ctx, args)


def _take_debug(command: click.Command) -> None:
    """Every command takes ``--debug``, which `main` looks for by itself: parsing may be what fails."""
    if not any(parameter.name == "debug" for parameter in command.params):
        command.params.append(_debug())


def _debug() -> click.Option:
    return click.Option(["--debug"], is_flag=True, expose_value=False, help="Show tracebacks of errors.")


command = _LazyGroup(
    "leadagent",
    help="Workflows of AI agents, MCP servers and HTTP APIs, written in YAML, run as Prefect flows.",
    epilog="Exit codes: 0 completed or valid, 1 failed or cancelled, 2 bad input, 3 no Prefect API, "
    "130 interrupted.",
    params=[_debug()],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    no_args_is_help=True,
)
command = click.version_option(__version__, prog_name="leadagent", message="%(prog)s %(version)s")(command)
