"""``leadagent breakers``: the circuit breakers that all runs of a Prefect API share."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from leadagent_prefect.engine.shared.breakers import Breaker

_JSON = click.option("--json", "as_json", is_flag=True, help="Print the breakers as one JSON list.")


@click.group("breakers")
def command() -> None:
    """The circuit breakers that all runs share.

    There is one for each service that has failed; one that never did has none.
    """


@command.command("list")
@_JSON
def _list(as_json: bool) -> int:
    """List them, with their states."""
    return _show(_ask(lambda breakers: breakers.all_breakers()), as_json)


@command.command("reset")
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option("--all", "everything", is_flag=True, help="Close all of them.")
@_JSON
def _reset(names: tuple[str, ...], everything: bool, as_json: bool) -> int:
    """Close breakers, so that their services are called again.

    Calls that are under way count no more. Every process that runs sees it within a second.
    """
    if bool(names) == everything:
        raise click.UsageError("name the breakers to close, or say --all")
    return _show(_ask(lambda breakers: breakers.close_breakers(None if everything else names)), as_json)


def _ask(ask: Callable[[Any], Coroutine[Any, Any, list[Breaker]]]) -> list[Breaker]:
    import asyncio

    from leadagent_prefect.cli.failures import say
    from leadagent_prefect.embedded import ensure_api, use_api

    with use_api(ensure_api(say)):
        from leadagent_prefect.engine.shared import breakers

        return asyncio.run(ask(breakers))


def _show(found: list[Breaker], as_json: bool) -> int:
    from leadagent_prefect.diagnostics.words import printable

    if as_json:
        sys.stdout.write(json.dumps([breaker.facts for breaker in found], indent=2) + "\n")
        return 0
    width = max((len(breaker.name) for breaker in found), default=0)
    for breaker in found:
        facts = breaker.facts
        failures = f"{facts['failures']} failure{'' if facts['failures'] == 1 else 's'} in a row"
        last = f"; the last: {facts['last_error']}" if facts["last_error"] and facts["failures"] else ""
        print(printable(f"{breaker.name:{width}}  {facts['state']:10}  {failures}{last}"))
    if not found:
        print("No service has failed yet")
    return 0
