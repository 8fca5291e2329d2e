"""docs/cli.md shows the help of every command as it is."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from fences import commands, fences

from leadagent_prefect.cli.app import COMMANDS, command

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cli.md"
SHOWN = {found.line: found.expected for fence in fences(PAGE.read_text()) for found in commands(fence)}
HELP = {line: text for line, text in SHOWN.items() if line.endswith("--help")}


@pytest.mark.parametrize("line", HELP)
def test_the_help_is_as_the_page_shows_it(leadagent, line):
    assert leadagent(*line.split()[1:]).out == HELP[line]


def test_every_command_is_on_the_page():
    context = click.Context(command)
    found = {name: command.get_command(context, name) for name in COMMANDS}
    groups = {name for name, one in found.items() if isinstance(one, click.Group)}
    shown = {line.split()[1] for line in HELP}
    assert shown - {"--help"} == set(COMMANDS)
    assert groups == {"agents", "breakers", "keys", "server"}
