"""Runs whose worker died, and which worker takes them up."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from office import Office
from prefect.states import Cancelling, Pending, Running
from prefect.workers.base import BaseWorker

from leadagent_prefect.embedded import PrefectApi, use_api
from leadagent_prefect.engine.process.liveness import Process, labels_of_this_process
from leadagent_prefect.worker import LeadAgentWorker
from leadagent_prefect.worker import takeover as module
from leadagent_prefect.worker.claims import HOLDS_SECONDS, Claims
from leadagent_prefect.worker.owner import Owner, signing
from leadagent_prefect.worker.takeover import LOST_LABEL, TIMES_LABEL, TakeOver, keep_looking

ME = Owner("me", Process.current())
ELSEWHERE = Owner("other", dataclasses.replace(ME.process, host="elsewhere.example"))
LOG = logging.getLogger(__name__)


class Mine:
    """Stands in for the runs of a worker."""

    def __init__(self) -> None:
        self.executions: dict[str, int] = {}
        self.dropped: list[str] = []

    @property
    def ids(self) -> list[str]:
        return list(self.executions)

    def execution(self, run: str) -> int:
        return self.executions[run]

    def drop(self, run: str) -> None:
        self.dropped.append(run)


@pytest.fixture(scope="module")
def gone() -> Owner:
    """A worker of this machine that has ended."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        found = Process._of_pid(process.pid)
        process.communicate(b"\n")
    assert not found.lives
    return Owner("died", found)


@pytest.fixture
async def client(prefect_api: PrefectApi) -> AsyncIterator[Any]:
    with use_api(prefect_api):
        from prefect import get_client

        async with get_client() as client:
            yield client


pytestmark = pytest.mark.timeout(300)  # each deploys on a server that other tests keep busy


class Pool:
    """A work pool without a worker, whose runs get into states that nobody but the test puts them in."""

    def __init__(self, client: Any, office: Office) -> None:
        self.client, self.office, self.mine = client, office, Mine()
        self.name = office.pool()
        self.deployment = office.deploy(self.name, tags=["leadagent"])
        self.plain = office.deploy(self.name, "plain")

    def worker(self, owner: Owner = ME, clock: Callable[[], float] = time.monotonic) -> TakeOver:
        return TakeOver(self.client, self.name, owner, self.mine, LOG, clock)  # type: ignore[arg-type]  # it does what is needed of one

    async def run(self, owner: Owner | None, *states: Any, plain: bool = False, **labels: Any) -> UUID:
        """One that ``owner`` has taken, and that was in these states since."""
        run = self.office.start(self.plain if plain else self.deployment)
        set_state = (
            signing(self.client.set_flow_run_state, owner) if owner else self.client.set_flow_run_state
        )
        for state in (Pending(), *states):
            await set_state(run, state, force=True)
        if labels:
            await self.client.update_flow_run_labels(run, labels)
        return run

    async def told(self, run: UUID) -> tuple[str, str]:
        """The name and the message of its state."""
        state = (await self.client.read_flow_run(run)).state
        return state.name, state.message

    async def names(self, run: UUID) -> list[str]:
        return [state.name for state in await self.client.read_flow_run_states(run)]


@pytest.fixture
def pool(client: Any, office: Office, monkeypatch: pytest.MonkeyPatch) -> Pool:
    monkeypatch.setattr(module, "_ENDED_AFTER", 0.0)
    return Pool(client, office)


def labels(owner: Owner, execution: int = 1) -> dict[str, Any]:
    """What a run of it says of its own process, in which the worker's stands in."""
    named = {"leadagent.host": owner.process.host, "leadagent.process_start": owner.process.start}
    return {**labels_of_this_process(execution), **named, "leadagent.pid": owner.process.pid}


def test_an_owner_is_read_from_what_it_signs():
    odd = Owner("a (b) of worker c", Process("h", "", 7, ""))
    for owner in (ME, odd):
        assert Owner.of(Pending(message=owner.text)) == owner
    assert [Owner.of(state) for state in (None, Pending(), Pending(message="Taken by x"))] == [None] * 3


async def test_only_a_state_pending_that_says_nothing_is_signed():
    said: list[str | None] = []

    async def set_state(run: UUID, state: Any, *, force: bool) -> None:
        said.append(state.message)

    for state in (Pending(), Pending(message="why"), Running()):
        await signing(set_state, ME)(uuid4(), state)
    assert said == [ME.text, "why", None]


async def test_what_lost_its_worker_on_this_machine_is_scheduled_again(pool, gone):
    begun = await pool.run(gone, Running(), **labels(gone))
    unnamed = await pool.run(gone, Running())
    waiting = await pool.run(gone)
    await pool.worker().look()
    for run in (begun, unnamed, waiting):
        assert await pool.told(run) == ("AwaitingRetry", f"Taken up again by {ME}: {gone} is gone.")
    claims = [one.name for one in await pool.client.read_variables()]
    assert [name for name in claims if str(begun) in name] == []


async def test_what_lives_or_cannot_be_told_is_let_be(pool, gone):
    runs = [
        await pool.run(ME, Running()),
        await pool.run(ME),
        await pool.run(gone, Running(), **labels(ME)),  # the process is still there
        await pool.run(gone, Running(), plain=True),
        await pool.run(ELSEWHERE),
        await pool.run(ELSEWHERE, Running(), **labels(ELSEWHERE)),
        await pool.run(None),
        await pool.run(None, Running()),
        await pool.run(gone, Running()),
    ]
    pool.mine.executions[str(runs[-1])] = 1
    before = [await pool.names(run) for run in runs]
    await pool.worker().look()
    assert [await pool.names(run) for run in runs] == before
    assert pool.mine.dropped == []


async def test_on_another_machine_it_is_silence_that_tells(pool, monkeypatch):
    running = await pool.run(ELSEWHERE, Running(), **labels(ELSEWHERE))
    waiting = await pool.run(ELSEWHERE)
    bare = pool.office.start(pool.deployment)  # in a state that came from nowhere
    await pool.client.set_flow_run_state(bare, Running(), force=True)
    later = datetime.now(timezone.utc) + timedelta(seconds=100)
    monkeypatch.setattr(
        module, "_is_ago", lambda moment, seconds: later - moment > timedelta(seconds=seconds)
    )
    monkeypatch.setattr(module, "is_dead", lambda run: True)
    runs, moments = (running, waiting, bare), [0.0, 20.0, 80.0, 120.0, 160.0, 180.0]
    worker = pool.worker(clock=iter(moments).__next__)
    for _ in moments[1:-1]:  # the API was away for a while: nobody could be heard
        await worker.look()
        assert [(await pool.told(run))[0] for run in runs] == ["Running", "Pending", "Running"]
    await worker.look()
    assert [(await pool.told(run))[0] for run in runs] == ["AwaitingRetry"] * 3
    assert (await pool.told(bare))[1].endswith(": the process of the run is gone.")


@pytest.mark.parametrize(("ago", "is_silent"), [(10, False), (100, True), (None, True)])
async def test_a_worker_is_silent_that_has_not_been_heard_for_as_long_as_a_run(pool, ago, is_silent):
    at = datetime.now(timezone.utc) - timedelta(seconds=ago) if ago else None

    async def read_workers_for_work_pool(name: str) -> list[Any]:
        return [SimpleNamespace(name=name, last_heartbeat_time=at) for name in ("one", ELSEWHERE.worker)]

    client: Any = SimpleNamespace(read_workers_for_work_pool=read_workers_for_work_pool)
    mine: Any = Mine()
    assert await TakeOver(client, "p", ME, mine, LOG)._is_silent(ELSEWHERE) is is_silent


async def test_of_many_workers_one_takes_a_run_up(pool, gone):
    runs = [await pool.run(gone, Running(), **labels(gone)) for _ in range(3)]
    await asyncio.gather(*(pool.worker().look() for _ in range(5)))
    for run in runs:
        assert (await pool.names(run)).count("AwaitingRetry") == 1
        assert (await pool.client.read_flow_run(run)).labels[TIMES_LABEL] == 1


async def test_a_run_that_was_changed_meanwhile_is_let_be(pool, gone):
    run = await pool.client.read_flow_run(await pool.run(gone, Running(), **labels(gone)))
    await pool.client.set_flow_run_state(run.id, Running(), force=True)
    await pool.worker()._take(run)
    assert (await pool.told(run.id))[0] == "Running"


async def test_a_run_is_not_taken_up_for_ever(pool, gone):
    run = await pool.run(gone, Running(), **labels(gone), **{TIMES_LABEL: 3})
    await pool.worker().look()
    assert await pool.told(run) == ("Crashed", f"Taken up 3 times, and not again: {gone} is gone.")


async def test_a_cancelled_run_that_had_not_begun_to_undo_ends_as_cancelled(pool, gone):
    run = await pool.run(gone, Running(), Cancelling(), **labels(gone))
    await pool.worker().look()
    told = f"Cancelled before it had begun to undo, and nothing was undone: {gone} is gone."
    assert await pool.told(run) == ("Cancelled", told)


async def test_a_cancelled_run_that_had_begun_to_undo_is_taken_up(pool, gone):
    from prefect.context import AsyncClientContext

    from leadagent_prefect.engine.store.plain import storage

    run = await pool.run(gone, Running(), Cancelling(), **labels(gone))
    kept = {"found": {"status": "cancelled", "state_name": None, "message": "m"}, "problems": {}, "told": {}}
    content = json.dumps({**kept, "count": 1}).encode()
    async with AsyncClientContext.get_or_create():
        await (await storage()).write_path(f"leadagent-runs/{run}/undoing.json", content)
    await pool.worker().look()
    assert (await pool.told(run))[0] == "AwaitingRetry"


async def test_a_worker_that_was_cut_off_drops_what_others_have_taken_up(pool):
    taken = await pool.run(ME, Running(), **labels(ME), **{LOST_LABEL: 1})
    again = await pool.run(ME, Running(), **labels(ME), **{LOST_LABEL: 1})
    pool.mine.executions.update({str(taken): 1, str(again): 2})
    await pool.worker().look()
    assert pool.mine.dropped == [str(taken)]


async def test_more_runs_than_the_api_gives_at_a_time_are_all_looked_at(pool, gone, monkeypatch):
    monkeypatch.setattr(module, "_PAGE", 2)
    runs = [await pool.run(gone) for _ in range(3)]
    await pool.worker().look()
    assert [(await pool.told(run))[0] for run in runs] == ["AwaitingRetry"] * 3


async def test_a_claim_whose_holder_died_is_given_on_once(client):
    now, what = 0.0, f"{uuid4()}-1"
    dead, first, second = (Claims(client, by, lambda: now) for by in ("dead", "first", "second"))
    assert await dead._claim(what, []) is True
    for claims in (first, second):
        async with claims.claimed(what) as is_mine:
            assert not is_mine
    now = HOLDS_SECONDS
    async with first.claimed(what) as is_mine:
        assert is_mine
        async with second.claimed(what) as is_too:
            assert not is_too
        # Somebody cleans up by hand.
        await client.delete_variable_by_name(f"leadagent-takeover-{what}-0")
    assert [one.name for one in await client.read_variables() if what in one.name] == []


async def test_looking_goes_on_after_a_failure_and_rests_while_the_worker_stops(monkeypatch):
    monkeypatch.setattr(module, "_FIRST_PAUSE", 0.0)
    monkeypatch.setattr(module, "_PAUSES", (0.0, 0.0))
    looks, stopping = asyncio.Queue(), False

    async def look() -> None:
        looks.put_nowait("look")
        raise httpx.ConnectError("away")

    looking: Any = SimpleNamespace(look=look)
    going = asyncio.ensure_future(keep_looking(looking, lambda: stopping))
    for _ in range(2):
        assert await looks.get() == "look"
    stopping = True
    await asyncio.sleep(0)
    while not looks.empty():
        looks.get_nowait()
    for _ in range(5):
        await asyncio.sleep(0)
    assert looks.empty()
    going.cancel()


async def test_a_run_that_a_worker_still_has_is_not_taken_and_is_dropped_if_it_is_anothers(monkeypatch):
    resumed, taken, other = (SimpleNamespace(id=uuid4(), labels={}) for _ in range(3))
    taken.labels[LOST_LABEL] = 1
    due = [SimpleNamespace(flow_run=run) for run in (resumed, taken, other)]
    for run in (resumed, taken, other):
        run.next_scheduled_start_time, run.run_count = None, 0

    async def scheduled(_: Any) -> list[Any]:
        return due

    monkeypatch.setattr(BaseWorker, "_get_scheduled_flow_runs", scheduled)
    worker, mine = LeadAgentWorker(work_pool_name="p"), Mine()
    mine.executions.update({str(resumed.id): 1, str(taken.id): 1})
    worker._taking_over = TakeOver(None, "p", ME, mine, LOG)  # type: ignore[arg-type]  # what is needed of them
    worker._held.update({resumed.id, taken.id})
    assert await worker._get_scheduled_flow_runs() == due[2:]
    assert mine.dropped == [str(taken.id)]
    worker._release_limit_slot(resumed.id)
    assert await worker._get_scheduled_flow_runs() == [due[0], due[2]]
