"""Workflows that nobody sends any more are removed from Prefect; the runs themselves stay.

A workflow is kept once for all its runs (`api.stored`), and each of them is given it by name. It goes when it
was not used for long, and no run waits that would need it.
"""

from __future__ import annotations

import logging
import random
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any, Final

import anyio
import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import BlockDocument
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound

from leadagent_prefect.api.stored import SLUG
from leadagent_prefect.naming import TAG

_log = logging.getLogger("leadagent.api")
_rng = random.Random()  # noqa: S311  # no secret depends on it

#: Seconds until the first look, and between two.
_FIRST: Final = (120.0, 600.0)
_EVERY: Final = 24 * 3600.0
#: Blocks and runs of one request, and seconds between two: others are to be answered meanwhile.
_PAGE: Final = 50
_PAUSE: Final = 0.2
_GOING_ON: Final = ("SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING")


async def clean(client: PrefectClient, keep: timedelta) -> int:
    """Removes the workflows that were not used for as long as ``keep``; gives how many."""
    try:
        kind = await client.read_block_type_by_slug(SLUG)
    except ObjectNotFound:
        return 0
    cutoff = datetime.now(timezone.utc) - keep
    needed = await _needed(client, cutoff)
    seen = removed = 0
    while True:
        page = await _page(client, str(kind.id), seen - removed)
        seen += len(page)
        for document in page:
            is_old = document.updated is not None and document.updated < cutoff
            if is_old and document.name not in needed:
                removed += await _remove(client, document)
        if len(page) < _PAGE:
            return removed
        await anyio.sleep(_PAUSE)


async def keep_clean(client: PrefectClient, keep: timedelta) -> None:
    """Never ends: soon after the start, and then once a day."""
    pause = _rng.uniform(*_FIRST)
    while True:
        await anyio.sleep(pause)
        pause = _EVERY
        try:
            removed = await clean(client, keep)
        except Exception as error:  # noqa: BLE001  # a Prefect that is away is no error: there is a next time
            _log.debug("removing workflows that are no longer used failed: %s", error)
        else:
            _log.info("workflows that are no longer used: %d removed", removed)


async def _needed(client: PrefectClient, cutoff: datetime) -> set[str]:
    """The workflows of runs that were made before then, and have not ended."""
    wanted = {
        "tags": {"all_": [TAG]},
        "state": {"type": {"any_": _GOING_ON}},
        "expected_start_time": {"before_": cutoff.isoformat()},
    }
    found: set[str] = set()
    seen = 0
    while True:
        runs = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter.model_validate(wanted),
            sort=FlowRunSort.ID_DESC,
            limit=_PAGE,
            offset=seen,
        )
        seen += len(runs)
        found.update(str(run.parameters.get("document")) for run in runs)
        if len(runs) < _PAGE:
            return found
        await anyio.sleep(_PAUSE)


async def _page(client: PrefectClient, kind: str, offset: int) -> list[BlockDocument]:
    wanted: dict[str, Any] = {"block_type_id": {"any_": [kind]}}
    body = {"block_documents": wanted, "limit": _PAGE, "offset": offset}
    answer = await client.request("POST", "/block_documents/filter", json=body)
    return [BlockDocument.model_validate(row) for row in answer.json()]


async def _remove(client: PrefectClient, document: BlockDocument) -> bool:
    assert document.id is not None  # it has been read
    with suppress(ObjectNotFound, httpx.HTTPStatusError):  # another server was quicker
        await client.delete_block_document(document.id)
        return True
    return False
