"""``leadagent server``: the Prefect server that leadagent starts by itself."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

import click

from leadagent_prefect.cli.failures import say

if TYPE_CHECKING:
    from leadagent_prefect.embedded import ServerStatus


@click.group("server")
def command() -> None:
    """The Prefect server that leadagent starts by itself.

    It is used where no Prefect API is configured, is shared by all runs, and ends when it is idle for long.
    """


@command.command("start")
def _start() -> int:
    """Start it, or find it running."""
    from leadagent_prefect.embedded import start

    print(start(say).ui_url)
    return 0


@command.command("stop")
def _stop() -> int:
    """End it."""
    from leadagent_prefect.embedded import stop

    say("The Prefect server has ended" if stop() else "No Prefect server of leadagent is running")
    return 0


@command.command("status")
@click.option("--show-auth", is_flag=True, help="Show the auth string that its UI asks for.")
@click.option("--json", "as_json", is_flag=True, help="Print the status as one JSON object.")
def _status(show_auth: bool, as_json: bool) -> int:
    """Say whether it runs, and where; the exit code is 1 if it does not answer."""
    from leadagent_prefect.embedded import status

    found = status()
    facts = _facts(found, show_auth)
    if as_json:
        sys.stdout.write(json.dumps(facts, indent=2) + "\n")
    else:
        print("\n".join(f"{name}: {value}" for name, value in facts.items() if value is not None))
    return 0 if found.ready else 1


@command.command("profile")
@click.option(
    "--address",
    default="http://127.0.0.1:4200",
    show_default=True,
    callback=lambda *given: _origin(given[-1]),
    help="Where browsers find the server: scheme, host and port.",
)
def _profile(address: str) -> int:
    """Print the settings for a Prefect server of your own, as lines NAME=VALUE.

    A password and an encryption key are new each time: keep the lines in a file that only you can read, and
    do not lose it. Whoever loses the key loses the secrets in Prefect's blocks.
    """
    from leadagent_prefect.embedded.home import new_auth_string
    from leadagent_prefect.embedded.profile import own_server
    from leadagent_prefect.embedded.secrets_at_rest import new_key

    settings = own_server(address, new_auth_string(), new_key())
    print("\n".join(f"{name}={value}" for name, value in settings.items()))
    return 0


def _origin(address: str) -> str:
    """As a browser names it; a page's path or credentials in it would match no origin."""
    if not re.fullmatch(r"https?://[^\s/@?#,]+/?", address):
        raise click.BadParameter(f"{address!r} is not like http://prefect.example:4200")
    return address.rstrip("/")


def _facts(found: ServerStatus, show_auth: bool) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "status": "ready" if found.ready else "starting or stopping" if found.running else "not running",
        "ui": found.api.ui_url if found.api else None,
        "api": found.url,
        "pid": found.pid,
        "started_at": found.started_at,
        "prefect": found.version,
        "idle_seconds": None if found.idle_seconds is None else round(found.idle_seconds, 1),
        "log": str(found.log_path),
    }
    if show_auth:
        facts["auth"] = found.api.auth_string if found.api else None
    return facts
