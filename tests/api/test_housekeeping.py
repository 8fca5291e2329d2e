"""Workflows that nobody sends any more are removed, those that are needed are not."""

from __future__ import annotations

import asyncio
import logging
import uuid
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from prefect import flow
from prefect.client.orchestration import PrefectClient
from prefect.exceptions import ObjectNotFound
from prefect.states import Scheduled

from leadagent_prefect.api import housekeeping, stored
from leadagent_prefect.api.housekeeping import clean, keep_clean
from leadagent_prefect.api.runs import NotNow, Runs
from leadagent_prefect.api.stored import Stored, WorkflowText, keep, use
from leadagent_prefect.naming import OWNER_TAG, TAG

NOW, LONG = timedelta(0), timedelta(days=1)


@pytest.fixture
async def client(prefect_api, monkeypatch):
    """Its blocks are of a type of their own: others of this Prefect are in use."""
    slug = f"leadagent-workflow-{uuid.uuid4().hex[:8]}"
    for module in (stored, housekeeping):
        monkeypatch.setattr(module, "SLUG", slug)
    for name, value in {"_block_type_slug": slug, "_block_type_name": slug}.items():
        monkeypatch.setattr(WorkflowText, name, value)
    for name in ("_block_type_id", "_block_schema_id"):
        monkeypatch.setattr(WorkflowText, name, None)
    for name, value in {"_PAGE": 2, "_PAUSE": 0.0}.items():
        monkeypatch.setattr(housekeeping, name, value)
    async with PrefectClient(prefect_api.url, auth_string=prefect_api.auth_string) as client:
        yield client


def workflows(count: int) -> list[Stored]:
    return [Stored({"name": f"w{number}"}, "local") for number in range(count)]


async def updated(client: PrefectClient, name: str) -> datetime:
    found = (await client.read_block_document_by_name(name, stored.SLUG)).updated
    assert found is not None
    return found


@flow(name="housekeeping")
def waiting() -> None:
    """Never runs."""


async def made(client: PrefectClient, document: str) -> Any:
    tags = [TAG, f"{OWNER_TAG}local"]
    return await client.create_flow_run(
        waiting, parameters={"document": document}, state=Scheduled(), tags=tags
    )


async def test_what_no_run_waits_for_is_removed_once_it_is_old(client):
    assert await clean(client, NOW) == 0  # nothing was ever kept
    await WorkflowText.register_type_and_schema(client=client)
    names = [await keep(client, one) for one in workflows(5)]
    needed = [await made(client, names[2]) for _ in range(3)]
    assert await clean(client, LONG) == 0
    assert await clean(client, NOW) == 4
    await updated(client, names[2])
    for run in needed:
        await client.delete_flow_run(run.id)
    assert await clean(client, NOW) == 1
    with pytest.raises(ObjectNotFound):
        await updated(client, names[2])


async def test_a_block_that_another_server_has_removed_is_gone_already(client):
    gone: Any = SimpleNamespace(id=uuid.uuid4())
    assert await housekeeping._remove(client, gone) is False


async def test_a_workflow_that_is_used_again_is_as_new(client, monkeypatch):
    await WorkflowText.register_type_and_schema(client=client)
    (workflow,) = workflows(1)
    name = await keep(client, workflow)
    first = await updated(client, name)
    await keep(client, workflow)
    assert await updated(client, name) == first
    monkeypatch.setattr(stored, "USED_EVERY", timedelta(0))
    await keep(client, workflow)
    assert await updated(client, name) > first
    assert (await stored.fetch(client, name)).workflow == workflow.workflow


async def test_a_run_whose_workflow_was_removed_is_not_resumed(client):
    await WorkflowText.register_type_and_schema(client=client)
    (workflow,) = workflows(1)
    run = await made(client, await keep(client, workflow))
    runs = Runs(client, None)
    await runs._use(run)
    document = await client.read_block_document_by_name(workflow.name, stored.SLUG)
    await client.delete_block_document(document.id)
    with pytest.raises(NotNow, match="send it again"):
        await runs._use(run)
    with pytest.raises(ObjectNotFound):
        await use(client, workflow.name)
    run.tags = [TAG]
    await runs._use(run)
    await client.delete_flow_run(run.id)


async def test_it_goes_on_after_a_failure(monkeypatch, caplog):
    monkeypatch.setattr(housekeeping, "_FIRST", (0.0, 0.0))
    monkeypatch.setattr(housekeeping, "_EVERY", 0.0)
    caplog.set_level(logging.DEBUG, "leadagent.api")
    answers = iter([ConnectionError("away"), 3])
    over = asyncio.Event()

    async def cleaned(_client: object, keep: timedelta) -> int:
        answer = next(answers, None)
        if answer is None:
            over.set()
            await asyncio.Event().wait()
        if isinstance(answer, Exception):
            raise answer
        assert (keep, answer) == (LONG, 3)
        return 3

    monkeypatch.setattr(housekeeping, "clean", cleaned)
    nobody: Any = None
    going = asyncio.ensure_future(keep_clean(nobody, LONG))
    await asyncio.wait_for(over.wait(), 10)
    going.cancel()
    assert [record.message for record in caplog.records] == [
        "removing workflows that are no longer used failed: away",
        "workflows that are no longer used: 3 removed",
    ]
