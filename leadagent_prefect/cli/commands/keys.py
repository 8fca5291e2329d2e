"""``leadagent keys``: who may use the REST API."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from leadagent_prefect.cli.failures import say

if TYPE_CHECKING:
    from leadagent_prefect.api.keys import KeyFile

_SCOPES = ("read", "submit", "cancel", "admin")


@click.group("keys")
def command() -> None:
    """The API keys of the REST API server.

    Once there is one, every request needs one. Only hashes are kept: a key is shown when it is made, and
    never again.
    """


_config = click.option(
    "--config", type=click.Path(path_type=Path), metavar="FILE", help="The config file of the server."
)


@command.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(_SCOPES),
    help="What it may do; may be given more than once.  [default: read, submit, cancel]",
)
@_config
def _create(name: str, scopes: tuple[str, ...], config: Path | None) -> int:
    """Make a key, and print it: this is the one time that it is shown."""
    key, text = _file(config).create(name, scopes or _SCOPES[:3])
    say(f'The key "{key.name}" ({", ".join(key.scopes)}), which is not shown again:')
    print(text)
    return 0


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print the keys as one JSON list.")
@_config
def _list(as_json: bool, config: Path | None) -> int:
    """List the keys: names, ids and scopes."""
    rows = [
        {"id": key.id, "name": key.name, "scopes": list(key.scopes), "created_at": key.created_at}
        for key in _file(config).all()
    ]
    if as_json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
    elif rows:
        print("\n".join(f"{row['id']}  {row['name']}  {','.join(row['scopes'])}" for row in rows))
    else:
        say("There are no API keys")
    return 0


@command.command("revoke")
@click.argument("name")
@_config
def _revoke(name: str, config: Path | None) -> int:
    """Take the key of that name, or id, back. It is refused from now on; its runs stay."""
    _file(config).revoke(name)
    say(f'The key "{name}" is revoked')
    return 0


def _file(config: Path | None) -> KeyFile:
    from leadagent_prefect.api.keys import KeyFile
    from leadagent_prefect.api.settings import read_settings

    return KeyFile(read_settings({}, config).api_keys)
