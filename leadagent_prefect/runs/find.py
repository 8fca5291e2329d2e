"""The run that somebody means: by its id, the beginning of it, or its name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound

from leadagent_prefect.diagnostics.words import printable
from leadagent_prefect.errors import ConfigurationError
from leadagent_prefect.runs.listing import runs_of_leadagent

_SHORTEST: Final = 6
#: Prefect's API can't look for the beginning of an id: so many of the newest runs are looked through.
_NEWEST: Final = 2000


async def find_run(client: PrefectClient, text: str) -> FlowRun:
    """The run with this id, or the one run that has this name, or whose id begins like this.

    `ConfigurationError` says that there is none, or more than one.
    """
    whole = _as_id(text)
    if whole is not None:
        try:
            return await client.read_flow_run(whole)
        except ObjectNotFound:
            raise _unknown(text) from None
    found = [run async for run in runs_of_leadagent(client, {"name": {"any_": [text]}})]
    if not found and re.fullmatch(r"[0-9a-f-]+", text.lower()):
        if len(text.replace("-", "")) < _SHORTEST:
            raise ConfigurationError(
                f"{text!r} is too short for a run: at least {_SHORTEST} digits of its id"
            )
        found = await _beginning_with(client, text.lower())
    if not found:
        raise _unknown(text)
    if len(found) > 1:
        raise _several(text, found)
    return found[0]


def _as_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


async def _beginning_with(client: PrefectClient, text: str) -> list[FlowRun]:
    digits, found, seen = text.replace("-", ""), [], 0
    async for run in runs_of_leadagent(client, {}):
        seen += 1
        if run.id.hex.startswith(digits):
            found.append(run)
        if seen == _NEWEST:
            break
    return found


def _unknown(text: str) -> ConfigurationError:
    return ConfigurationError(
        f"no run {printable(text)!r} on this Prefect API: `leadagent runs` lists them, by id and name"
    )


def _several(text: str, found: Sequence[FlowRun]) -> ConfigurationError:
    ids = ", ".join(str(run.id) for run in found[:5])
    more = f" and {len(found) - 5} more" if len(found) > 5 else ""
    return ConfigurationError(
        f"{len(found)} runs are meant by {printable(text)!r}: {ids}{more}; name one by its id"
    )
