"""X12, and the load of the REST API: many runs at once, its server and its worker killed meanwhile.

In short 12 runs; whole (``LEADAGENT_CHAOS=whole``) 500. Each is three calls, one after another. How long it
takes is for benchmarks/rest_load.py to judge; here it is printed.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from chaos import WHOLE, Request, Service, chaos_service
from waiting import until

from leadagent_prefect.embedded import PrefectApi, client_environment

RUNS = 500 if WHOLE else 12
TASKS = ("a", "b", "c")
#: Runs of one worker at a time.
AT_ONCE = 4
WORKFLOWS = "/api/v1/workflows"


@dataclass
class Site:
    """A server without a worker, and a worker, on a pool of their own; each may be killed."""

    environment: dict[str, str]
    folder: Path
    pool: str = field(default_factory=lambda: f"load-{uuid.uuid4().hex[:8]}")
    parts: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        config = {
            "pool": self.pool,
            "port": self.port,
            "worker": False,
            "allow_networks": ["127.0.0.1/32"],
            "rate_limit": "1000000/minute",
            "api_keys": str(self.folder / "keys.json"),
        }
        (self.folder / "serve.yaml").write_text(json.dumps(config))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, part: str) -> None:
        commands = {
            "server": ["serve", "--config", str(self.folder / "serve.yaml")],
            "worker": ["worker", "--pool", self.pool, "--limit", str(AT_ONCE)],
        }
        command = [sys.executable, "-m", "leadagent_prefect", *commands[part]]
        with (self.folder / f"{part}.log").open("ab") as out:
            self.parts[part] = subprocess.Popen(
                command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, env=self.environment
            )

    def kill(self, part: str) -> float:
        """When it was killed."""
        self.parts[part].send_signal(signal.SIGKILL)
        self.parts[part].wait()
        return time.time()

    def end(self) -> None:
        for process in self.parts.values():
            if process.poll() is None:
                process.terminate()
        for part, process in self.parts.items():
            try:
                process.wait(90)
            finally:
                process.kill()
                print((self.folder / f"{part}.log").read_text(errors="replace")[-5000:])


@contextmanager
def site(api: PrefectApi, folder: Path) -> Iterator[Site]:
    made = Site({**os.environ, **client_environment(api)}, folder)
    try:
        made.start("worker")
        made.start("server")
        yield made
    finally:
        made.end()


def workflow(service: Service) -> dict[str, Any]:
    tasks = [
        {
            "name": name,
            "agent_name": "service",
            "action": "POST",
            "parameters": {"endpoint": f"/{{{{ inputs.order }}}}/{name}"},
        }
        for name in TASKS
    ]
    return {
        "name": "order",
        "inputs": {"order": {"type": "string"}},
        "agents": [{"name": "service", "type": "http_api", "endpoint": service.url}],
        "tasks": tasks,
        "parallel_execution": False,
    }


class Poster(threading.Thread):
    """One client that posts as fast as it is answered, and again where it is not, under the same key."""

    def __init__(self, url: str, body: dict[str, Any]) -> None:
        super().__init__(daemon=True)
        self.url, self.body = url, body
        self.runs: dict[str, str] = {}
        self.seconds: list[float] = []

    def run(self) -> None:
        with httpx.Client(base_url=self.url, timeout=120, trust_env=False) as client:
            for number in range(RUNS):
                order = f"order-{number}"
                began = time.monotonic()
                self.runs[order] = self._posted(client, order)
                self.seconds.append(time.monotonic() - began)

    def _posted(self, client: httpx.Client, order: str) -> str:
        body = {"workflow": self.body, "inputs": {"order": order}}
        while True:
            try:
                answer = client.post(WORKFLOWS, json=body, headers={"Idempotency-Key": order})
            except httpx.TransportError:
                time.sleep(0.1)
                continue
            if answer.status_code == 503:
                time.sleep(1.0)
                continue
            assert answer.status_code == 200, answer.text
            return str(answer.json()["execution_id"])


def statuses(client: httpx.Client, runs: list[str]) -> set[str]:
    return {client.get(f"{WORKFLOWS}/{run}/status").json()["status"] for run in runs}


def made(api: PrefectApi, site: Site) -> list[Any]:
    """All runs of the site's pool that Prefect has."""
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.filters import WorkPoolFilter

    found: list[Any] = []
    with SyncPrefectClient(api.url, auth_string=api.auth_string) as client:
        while True:
            mine = WorkPoolFilter.model_validate({"name": {"any_": [site.pool]}})
            page = client.read_flow_runs(work_pool_filter=mine, limit=200, offset=len(found))
            found += page
            if len(page) < 200:
                return found


def have_ended(service: Service, count: int) -> Callable[[], bool]:
    """Whether so many runs have made their last call."""
    return lambda: len(service.history().of(TASKS[-1])) >= count


def repeated(service: Service, killed_at: float) -> list[tuple[Request, ...]]:
    """The steps that were called twice; each had begun when the worker was killed, and kept its key."""
    calls: dict[tuple[str, str], list[Request]] = {}
    for request in service.history().requests:
        calls.setdefault((request.run, request.task), []).append(request)
    twice = [tuple(found) for found in calls.values() if len(found) > 1]
    for first, *again in twice:
        assert {one.idempotency_key for one in again} == {first.idempotency_key}
        assert len(again) == 1
        assert first.t_start < killed_at < again[0].t_start
    assert len(calls) == RUNS * len(TASKS)
    return twice


@pytest.mark.timeout(1800 if WHOLE else 600)
def test_no_run_is_lost_and_none_runs_twice(prefect_api: PrefectApi, tmp_path: Path) -> None:
    with chaos_service(tmp_path / "history.jsonl") as service, site(prefect_api, tmp_path) as here:
        poster = Poster(here.url, workflow(service))
        began = time.monotonic()
        poster.start()
        until(lambda: len(poster.runs) >= RUNS // 3, 300)
        here.kill("server")
        here.start("server")
        until(have_ended(service, RUNS // 3), 300)
        killed_at = here.kill("worker")
        here.start("worker")
        poster.join(600)
        until(have_ended(service, RUNS), 900)
        took = time.monotonic() - began
        with httpx.Client(base_url=here.url, timeout=120, trust_env=False) as client:
            until(lambda: statuses(client, list(poster.runs.values())[-AT_ONCE:]) == {"completed"}, 60)
            assert statuses(client, list(poster.runs.values())) == {"completed"}
        twice = repeated(service, killed_at)
        assert len(twice) <= AT_ONCE
        runs = made(prefect_api, here)
        assert {str(run.id) for run in runs} == set(poster.runs.values())
        assert len(poster.runs) == len(runs) == RUNS
        tell(poster, took, twice)


def tell(poster: Poster, took: float, twice: list[tuple[Request, ...]]) -> None:
    ordered = sorted(poster.seconds)
    median, late = (1e3 * ordered[int(share * len(ordered))] for share in (0.5, 0.95))
    print(f"{RUNS} runs, {took:.1f} s with both kills: {RUNS / took:.2f} a second")
    print(f"submit: median {median:.0f} ms, p95 {late:.0f} ms; calls made again: {len(twice)}")
