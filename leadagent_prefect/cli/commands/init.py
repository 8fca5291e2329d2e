"""``leadagent init``: a starter project that runs as it is."""

from __future__ import annotations

import os
import shlex
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import click

from leadagent_prefect.errors import ConfigurationError, PrefectUnavailable

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient

#: Files of the starter by the name they get. A `.gitignore` in the package would hide files from git there.
_FILES = {
    "workflow.yaml": "workflow.yaml",
    "text_agent.py": "text_agent.py",
    "README.md": "README.md",
    ".gitignore": "gitignore",
}


@click.command("init")
@click.argument("directory", metavar="[DIR]", default=".")
def command(directory: str) -> int:
    """Write a starter project that runs as it is.

    DIR is made where it is missing; no file in it is ever replaced. A Prefect server that answers at once is
    told of the block type "LeadAgent Circuit Breaker"; otherwise the first breaker that moves does that.
    """
    from leadagent_prefect.diagnostics.words import printable

    folder = Path(directory)
    existing = [name for name in _FILES if os.path.lexists(folder / name)]
    if existing:
        raise ConfigurationError(
            f"{folder}: {', '.join(existing)} would be replaced, so nothing was written: name an empty folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    starter = files("leadagent_prefect") / "starter"
    for name, source in _FILES.items():
        with (folder / name).open("x", encoding="utf-8", newline="\n") as file:
            file.write((starter / source).read_text(encoding="utf-8"))
        print(f"wrote {printable(str(folder / name))}")
    print(f"Now: leadagent run {printable(shlex.quote(str(folder / 'workflow.yaml')))}")
    _register()
    return 0


def _register() -> None:
    """No error, whatever comes of it: the project is there."""
    from leadagent_prefect.cli.api_client import asked
    from leadagent_prefect.cli.failures import say
    from leadagent_prefect.embedded import api_at_hand

    try:
        api = api_at_hand()
        if api is not None:
            asked(_registered, api)
    except PrefectUnavailable as error:
        say(f"the block type of circuit breakers is not registered: {error}")


async def _registered(client: PrefectClient) -> None:
    from leadagent_prefect.engine.shared.block import LeadAgentCircuitBreaker

    await LeadAgentCircuitBreaker.register_type_and_schema(client=client)
