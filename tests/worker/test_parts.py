"""The parts of the worker that decide something by themselves."""

from __future__ import annotations

import asyncio
import math
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import anyio
import certifi
import httpx
import prefect.results
import pytest
from prefect.client.orchestration import PrefectClient
from prefect.exceptions import ObjectNotFound, TerminationSignal, UnfinishedRun
from prefect.workers.base import BaseWorker

from leadagent_prefect.errors import ConfigurationError
from leadagent_prefect.worker import LeadAgentWorker, prefect_worker
from leadagent_prefect.worker.asking import asking_for, parted
from leadagent_prefect.worker.child import _Child, know_default_storage, unless_cancelled
from leadagent_prefect.worker.configuration import JobConfiguration
from leadagent_prefect.worker.drain import Drain
from leadagent_prefect.worker.job import Job, Known, Lines, line
from leadagent_prefect.worker.launcher import ForkServerLost, Launcher
from leadagent_prefect.worker.listener import heed
from leadagent_prefect.worker.patience import DRAIN_VARIABLE, drain_seconds
from leadagent_prefect.worker.remembered import remembered
from leadagent_prefect.worker.runs import Ending, Runs
from leadagent_prefect.worker.sparing import default_storage, sparing
from leadagent_prefect.worker.tls import quick_tls


async def test_the_same_question_is_asked_once_while_its_answer_is_good():
    asked, now = [], 0.0

    async def ask(key: str) -> str:
        asked.append(key)
        await asyncio.sleep(0)
        return key.upper()

    answer = remembered(ask, 2.0, lambda: now)
    assert await asyncio.gather(answer("a"), answer("a"), answer("b")) == ["A", "A", "B"]
    now = 1.9
    assert await answer("a") == "A"
    assert asked == ["a", "b"]
    now = 2.0
    assert await answer("a") == "A"
    assert asked == ["a", "b", "a"]


async def test_a_failure_is_not_kept():
    failing = True

    async def ask(key: str) -> str:
        if failing:
            raise OSError(key)
        return key

    answer = remembered(ask, 60.0)
    with pytest.raises(OSError, match="a"):
        await answer("a")
    failing = False
    assert await answer("a") == "a"


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("SCHEDULED", ["wake"]),
        ("COMPLETED", [("ended", UUID(int=7))]),
        ("CRASHED", [("ended", UUID(int=7))]),
        ("RUNNING", []),
        (None, []),
        ("CANCELLING", [UUID(int=7)]),
    ],
)
def test_an_event_wakes_or_cancels_or_is_let_be(state, told):
    from prefect.events.schemas.events import Event

    resource = {"prefect.resource.id": f"prefect.flow-run.{UUID(int=7)}"}
    if state:
        resource["prefect.state-type"] = state
    got: list[object] = []
    event = Event(event="prefect.flow-run.X", resource=resource)
    heed(event, lambda: got.append("wake"), got.append, lambda run: got.append(("ended", run)))
    assert got == told


def test_messages_come_whole_however_they_were_cut():
    lines = Lines()
    data = line(id="a", pid=1) + line(id="b", code=-9)
    got = [message for n in range(len(data)) for message in lines.feed(data[n : n + 1])]
    assert got == [{"id": "a", "pid": 1}, {"id": "b", "code": -9}]


def test_a_job_is_the_same_on_the_other_side():
    known = [Known("flow", "1", "1", "f", ["tag"])]
    job = Job({"id": "1"}, {"A": "b"}, "/tmp", "http://127.0.0.1:1/api", True, ("/", "f.py:f"), known)
    (got,) = Lines().feed(line(job=job.as_data()))
    assert Job.of_data(got["job"]).as_data() == {**job.as_data(), "code": ["/", "f.py:f"]}
    assert job.api.embedded
    assert job.flow_run_id == "1"


@pytest.mark.parametrize(("text", "seconds"), [("", 60.0), ("0", 0.0), ("2.5", 2.5)])
def test_the_drain_is_what_the_environment_says(monkeypatch, text, seconds):
    monkeypatch.setenv(DRAIN_VARIABLE, text)
    assert drain_seconds() == seconds


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf"])
def test_a_drain_that_is_no_number_of_seconds_is_refused(monkeypatch, text):
    monkeypatch.setenv(DRAIN_VARIABLE, text)
    with pytest.raises(ConfigurationError, match="no number of seconds"):
        drain_seconds()


def test_a_plain_http_api_is_given_one_authority_in_place_of_all():
    with quick_tls("http://127.0.0.1:4200/api") as variables:
        file = Path(variables["PREFECT_API_SSL_CERT_FILE"])
        text = file.read_text()
    assert text.count("BEGIN CERTIFICATE") == text.count("END CERTIFICATE") == 1
    assert Path(certifi.where()).read_text().startswith(text)
    assert not file.exists()


@pytest.mark.parametrize("url", ["https://api.example.com/api", None])
def test_any_other_api_keeps_all_authorities(url):
    with quick_tls(url) as variables:
        assert variables == {}


def test_a_certificate_file_that_the_user_configured_stays(monkeypatch):
    monkeypatch.setenv("PREFECT_API_SSL_CERT_FILE", "/etc/mine.pem")
    with quick_tls("http://127.0.0.1:4200/api") as variables:
        assert variables == {}


FOLDER = {"prefect.deployments.steps.set_working_directory": {"directory": "/flows"}}


@pytest.mark.parametrize(
    ("entrypoint", "steps", "code"),
    [
        ("a.py:flow", [FOLDER], ("/flows", "a.py:flow")),
        ("a.py:flow", [FOLDER, FOLDER], None),
        ("a.py:flow", None, None),
        ("a.flow", [FOLDER], None),
        (None, [FOLDER], None),
        (
            "a.py:flow",
            [{"prefect.deployments.steps.set_working_directory": {"directory": "{{ clone.directory }}"}}],
            None,
        ),
        ("a.py:flow", [{"prefect.deployments.steps.git_clone": {"repository": "x"}}], None),
    ],
)
def test_a_folder_and_an_entrypoint_are_all_there_is_to_loading(entrypoint, steps, code):
    configuration = JobConfiguration()
    deployment = SimpleNamespace(id=uuid4(), name="d", tags=["t"], entrypoint=entrypoint, pull_steps=steps)
    configuration._related_objects = {"deployment": deployment}
    assert configuration.code == code
    assert [(one.kind, one.name, one.tags) for one in configuration.known] == [("deployment", "d", ["t"])]


def test_a_run_without_a_deployment_has_nothing_to_load():
    assert JobConfiguration().code is None
    assert JobConfiguration().known == []


def test_every_setting_of_a_work_pool_is_explained():
    template = JobConfiguration.template()
    variables = template["variables"]["properties"]
    assert sorted(variables) == sorted(template["job_configuration"]) == ["env", "working_dir"]
    assert all(one["title"] and one["description"] for one in variables.values())


class Launched:
    """Stands in for the launcher: what it is asked for is written down, forks end when they are told to."""

    def __init__(self) -> None:
        self.signals: list[tuple[str, int]] = []
        self.ready, self.ended = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def fork(self, job: Job) -> tuple[int, SimpleNamespace]:
        await self.ready.wait()
        return 7, SimpleNamespace(ended=self.ended)

    def signal(self, run: str, number: int, *, spares: bool = False) -> None:
        self.signals.append((run, number))
        if self.ready.is_set():
            self.ended.set_result(-15)


JOB = Job({"id": "1"}, {}, "/", "", False, None, [])


async def nothing(pid: int, goes_on: bool) -> None:
    """Tells nobody that a run is under way."""


async def test_a_run_that_is_cancelled_before_it_has_a_process_is_asked_to_end_once_it_has():
    launched = Launched()
    runs = Runs(launched)  # type: ignore[arg-type]  # it does what is needed of one
    running = asyncio.ensure_future(runs.run(JOB, nothing))
    await asyncio.sleep(0)
    runs.cancel("1")
    launched.ready.set()
    assert await running == Ending(-15, cancelled=True)
    assert launched.signals == [("1", 15), ("1", 15)]
    runs.cancel("1")
    assert len(launched.signals) == 2


async def test_what_starts_while_all_is_cancelled_is_cancelled_too():
    launched = Launched()
    runs = Runs(launched)  # type: ignore[arg-type]  # as above
    runs.cancel_all()
    launched.ready.set()
    assert await runs.run(JOB, nothing) == Ending(-15, cancelled=True)


async def test_a_fork_server_that_is_lost_has_killed_its_runs():
    launched = Launched()
    launched.ready.set()
    launched.ended.set_exception(ForkServerLost())
    assert await Runs(launched).run(JOB, nothing) == Ending(-9, cancelled=False)  # type: ignore[arg-type]  # as above


async def test_a_run_that_another_worker_took_up_is_killed_and_nothing_is_told_of_it():
    launched = Launched()
    launched.ready.set()
    runs = Runs(launched)  # type: ignore[arg-type]  # as above
    running = asyncio.ensure_future(runs.run(JOB, nothing))
    await asyncio.sleep(0)
    assert (runs.execution("1"), runs.execution("2")) == (1, 0)
    runs.drop("2")
    runs.drop("1")
    ending = await running
    assert ending == Ending(-15, cancelled=False, dropped=True)
    assert launched.signals == [("1", 9)]
    # Without a client it could tell nobody.
    flow_run: Any = SimpleNamespace(id=uuid4())
    assert await LeadAgentWorker(work_pool_name="p")._conclude(flow_run, ending) == 0


async def test_a_worker_that_is_cancelled_by_its_caller_says_so():
    starting = asyncio.ensure_future(LeadAgentWorker(work_pool_name="p").start())
    await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting


async def test_a_poll_that_fails_is_followed_by_others(monkeypatch):
    worker, polls = LeadAgentWorker(work_pool_name="p"), asyncio.Queue()

    async def poll() -> None:
        polls.put_nowait("poll")
        raise httpx.ConnectError("away")

    monkeypatch.setattr(worker, "_take", poll)
    following = asyncio.ensure_future(worker._follow())
    for _ in range(2):
        worker._woken.set()
        assert await polls.get() == "poll"
    following.cancel()


@pytest.mark.parametrize("csrf", [True, False])
async def test_a_run_looks_for_csrf_tokens_where_the_server_has_them(csrf):
    async def read_flow_runs(limit: int) -> list[object]:
        return []

    client = SimpleNamespace(read_flow_runs=read_flow_runs, _client=SimpleNamespace(enable_csrf_support=csrf))
    learned = await LeadAgentWorker(work_pool_name="p")._learned(client)
    assert learned.get("PREFECT_CLIENT_CSRF_SUPPORT_ENABLED") == (None if csrf else "false")


async def test_asked_a_third_time_a_worker_kills_its_runs():
    launched = Launched()
    runs = Runs(launched)  # type: ignore[arg-type]  # as above
    drain = Drain(runs, 60.0, lambda text: None)
    running = asyncio.ensure_future(runs.run(JOB, nothing))
    await asyncio.sleep(0)
    drain.hurry()
    assert launched.signals == []
    drain.hurry()
    assert launched.signals == [("1", 9)]
    running.cancel()


async def test_a_launcher_that_has_launched_nothing_has_nothing_to_signal_and_to_close():
    launcher = Launcher()
    launcher.signal("1", signal.SIGTERM)
    await launcher.close()


def test_what_is_imported_ahead_starts_no_thread_that_a_fork_would_lack():
    code = (
        "import threading; from leadagent_prefect.worker import child, forkserver; child.warm(); "
        "print(threading.active_count())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


def entry(number: int, due: datetime | None, **more: Any) -> Any:
    run = SimpleNamespace(id=UUID(int=number), next_scheduled_start_time=due, run_count=0, labels={})
    return SimpleNamespace(flow_run=SimpleNamespace(**{**vars(run), **more}))


def test_runs_are_due_or_waited_for():
    now = datetime(2026, 1, 1, tzinfo=timezone.utc)
    rows = [entry(1, now), entry(2, None), *(entry(n, now + timedelta(seconds=n)) for n in (9, 4))]
    assert parted(rows, now) == (rows[:2], 4.0)
    assert parted(rows[:2], now) == (rows[:2], None)


async def test_as_many_runs_are_asked_for_as_there_is_room_for(prefect_api, office):
    pool = office.pool()
    deployment, room = office.deploy(pool), 2.0
    runs = [office.start(deployment) for _ in range(3)]
    async with PrefectClient(prefect_api.url, auth_string=prefect_api.auth_string) as client:
        ask = asking_for(client, lambda: room)
        moment = datetime.now(timezone.utc) + timedelta(seconds=5)
        found = await ask(work_pool_name=pool, work_queue_names=[], scheduled_before=moment)
        assert [one.flow_run.id for one in found] == runs[:2]
        room = math.inf
        assert len(await ask(pool, ["default"], moment)) == 3
        with pytest.raises(ObjectNotFound):
            await ask("no-such-pool", None, moment)
        room = -1.0
        with pytest.raises(httpx.HTTPStatusError):
            await ask(pool, None, moment)


async def test_a_run_that_is_not_done_with_yet_is_asked_for_again_soon(monkeypatch):
    worker = LeadAgentWorker(work_pool_name="p", limit=2)
    assert worker._room() == math.inf
    worker._limiter = anyio.CapacityLimiter(2)
    monkeypatch.setattr(prefect_worker, "_AGAIN_SECONDS", 0.0)
    rows = [entry(1, None), entry(2, None, run_count=1), entry(3, None)]

    async def found(_: object) -> list[Any]:
        return rows

    monkeypatch.setattr(BaseWorker, "_get_scheduled_flow_runs", found)
    worker._submitting_flow_run_ids.add(UUID(int=1))
    assert await worker._get_scheduled_flow_runs() == rows
    await asyncio.sleep(0)
    assert not worker._woken.is_set()
    worker._submitting_flow_run_ids.add(UUID(int=2))
    assert worker._next_poll == 0.0
    worker._asked_for = 3.0
    monkeypatch.setattr(worker, "_has_still", lambda run: run.id == UUID(int=3))
    assert await worker._get_scheduled_flow_runs() == rows[:2]
    await asyncio.wait_for(worker._woken.wait(), 5)
    assert worker._next_poll > time.monotonic()  # what waits besides these is in no hurry
    assert worker._room() == 2 + 2 + 1


async def test_the_end_of_a_run_of_ones_own_is_heard_of_and_need_not_be_asked_for():
    worker = LeadAgentWorker(work_pool_name="p")
    worker._held.add(UUID(int=7))
    worker._heard_of_an_end(UUID(int=7))
    assert not worker._woken.is_set()
    # Without a client it could ask nobody.
    flow_run: Any = SimpleNamespace(id=UUID(int=7))
    assert await worker._conclude(flow_run, Ending(0, cancelled=False)) == 0
    worker._heard_of_an_end(UUID(int=8))
    assert worker._woken.is_set()


async def test_the_process_of_a_run_that_has_ended_is_nothing_to_tell():
    told: list[Any] = []

    async def update(run: UUID, **more: Any) -> None:
        told.append((run, more))

    runs = Runs(Launched())  # type: ignore[arg-type]  # as above
    runs._killers[str(UUID(int=1))] = None
    spared = sparing(update, runs)
    for number in (1, 2):
        await spared(UUID(int=number), infrastructure_pid="7")
    await spared(UUID(int=2), tags=["t"])
    assert told == [(UUID(int=1), {"infrastructure_pid": "7"}), (UUID(int=2), {"tags": ["t"]})]


@pytest.mark.parametrize("block", [None, UUID(int=3)])
async def test_where_results_are_kept_is_asked_once_for_all_runs(monkeypatch, block):
    async def found() -> Any:
        return SimpleNamespace(default_result_storage_block_id=block)

    client: Any = SimpleNamespace(read_server_default_result_storage=found)
    told = await default_storage(client)
    for name in (
        "_read_server_default_result_storage_block_id",
        "_aread_server_default_result_storage_block_id",
    ):
        monkeypatch.setattr(f"prefect.results.{name}", getattr(prefect.results, name))
    know_default_storage(told)
    results: Any = prefect.results
    assert results._read_server_default_result_storage_block_id() == block
    assert await results._aread_server_default_result_storage_block_id() == block


async def test_a_run_asks_for_itself_where_its_worker_could_not(monkeypatch):
    async def away() -> None:
        raise httpx.ConnectError("away")

    client: Any = SimpleNamespace(read_server_default_result_storage=away)
    ask = prefect.results._read_server_default_result_storage_block_id
    know_default_storage(await default_storage(client))
    assert prefect.results._read_server_default_result_storage_block_id is ask


def test_a_run_that_was_cancelled_before_it_had_begun_ends_without_a_traceback():
    told: list[str] = []

    async def cancelled() -> None:
        raise UnfinishedRun("Run is in CANCELLING state, its result is not available.")

    child: Any = object.__new__(_Child)
    child._load_and_run_async = cancelled
    child._logger = SimpleNamespace(info=lambda text, error: told.append(text % error))
    child.run()
    assert told == ["Not begun: Run is in CANCELLING state, its result is not available."]


async def test_a_run_that_is_cancelled_as_it_begins_leaves_no_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop = asyncio.get_running_loop()
    unless_cancelled(loop, {"message": "at the end", "exception": TerminationSignal(signal.SIGTERM)})
    assert caplog.text == ""
    unless_cancelled(loop, {"message": "in between", "exception": ValueError("odd")})
    assert "in between" in caplog.text


async def test_a_cancellation_that_no_event_told_of_is_found() -> None:
    worker: Any = LeadAgentWorker(work_pool_name="p")
    run, asked, cancelled = uuid4(), [], []

    async def read_flow_runs(flow_run_filter: Any) -> list[Any]:
        asked.append(flow_run_filter)
        return [SimpleNamespace(id=run)]

    worker._client = SimpleNamespace(read_flow_runs=read_flow_runs)
    worker._runs = SimpleNamespace(ids=[], cancel=cancelled.append)
    await worker._look_for_cancelled()
    assert asked == []
    worker._runs.ids = [str(run)]
    await worker._look_for_cancelled()
    assert asked[0].id.any_ == [run]
    assert cancelled == [str(run)]
