"""X2: a Prefect server that is killed and started again, and a websocket that is cut, change no outcome.

In short one run of each; whole (``LEADAGENT_CHAOS=whole``) ten servers are back after 10 seconds and three
after 45, each with a run of `leadagent run` and one of the REST API, and ten websockets are cut.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from chaos import WHOLE, History, Service, chaos_service, seeded
from outside import environment, uncounted
from own_server import OwnServer, own_server
from rest_servers import server_process
from waiting import until
from wire import wire

from leadagent_prefect.embedded import PrefectApi, client_environment
from leadagent_prefect.embedded.probe import ask

#: Seconds until a server that was killed is started again, and how often.
PAUSES = {10.0: 10, 45.0: 3} if WHOLE else {4.0: 1}
CUTS = 10 if WHOLE else 1
STEPS = 8
#: Seconds after which Prefect agrees, and leases are taken back; bounds where nothing else runs.
AGREES, RECLAIMED = 60.0, 90.0
#: What a status may be followed by: those after it.
ORDER = ("queued", "running", "completed")


def workflow(url: str, which: str, **agent: Any) -> dict[str, Any]:
    """``s0`` to ``s7``, one after another, under the name ``which``; the service is told of its run."""
    tasks = [
        {
            "name": f"s{n}",
            "agent_name": "service",
            "action": "POST",
            "depends_on": [f"s{n - 1}"] if n else [],
            "parameters": {"endpoint": f"/{which}/s{n}", "headers": {"X-Worker": "{{ run.id }}"}},
        }
        for n in range(STEPS)
    ]
    service = {"name": "service", "type": "http_api", "endpoint": url, **agent}
    return {"name": f"loss-{which}", "agents": [service], "tasks": tasks}


@dataclass
class Run:
    """A run ``which`` that goes on in another process; ``statuses`` are those it was seen in."""

    which: str
    service: Service
    statuses: list[str] = field(default_factory=list)

    def calls(self) -> History:
        return History([one for one in self.service.history().requests if one.run == self.which])

    def got(self, count: int) -> str:
        """Its id, once so many of its calls were answered."""
        until(lambda: len(self.calls().requests) >= count)
        return self.calls().requests[0].worker

    @contextmanager
    def followed(self, look: Callable[[], str | None]) -> Iterator[None]:
        """``look`` says its status, or nothing where nobody answers."""
        over = threading.Event()

        def follow() -> None:
            while not over.wait(0.3):
                if status := look():
                    self.statuses.append(status)

        thread = threading.Thread(target=follow)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def check(self) -> None:
        """Each step once, in a row, and no way back."""
        calls = self.calls()
        assert [request.task for request in calls.requests] == [f"s{n}" for n in range(STEPS)]
        assert calls.repeated() == {}
        seen = [ORDER.index(status) for status in self.statuses]
        assert seen == sorted(seen)
        assert self.statuses[-1] == "completed"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with chaos_service(tmp_path / "history.jsonl") as service:
        yield service


@contextmanager
def command(folder: Path, plan: dict[str, Any], env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """``leadagent run`` of a workflow, which is killed where it has not ended."""
    file = folder / f"{plan['name']}.json"
    file.write_text(json.dumps(plan))
    words = [sys.executable, "-m", "leadagent_prefect", "run", str(file), "--json", "--quiet"]
    process = subprocess.Popen(
        words, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def completed(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What it printed."""
    out, err = process.communicate(timeout=150)
    assert process.returncode == 0, err
    result: dict[str, Any] = json.loads(out)
    assert (result["status"], result["completed_tasks"]) == ("completed", STEPS)
    return result


def agrees(api: PrefectApi, run_id: str, since: float) -> None:
    """Prefect has the run, and all of its tasks, as completed."""
    mine = {"flow_runs": {"id": {"any_": [run_id]}}}
    seen: dict[str, str] = {}

    def look() -> bool:
        tasks = ask(api, "/task_runs/filter", mine)
        seen.update({task["name"]: task["state_name"] for task in tasks})
        (run,) = ask(api, "/flow_runs/filter", mine)
        seen["run"] = run["state_name"]
        return seen == dict.fromkeys(["run", *(f"s{n}" for n in range(STEPS))], "Completed")

    until(look, what=lambda: f"Prefect to agree: {seen}")
    if WHOLE:
        assert time.monotonic() - since < AGREES


def shown_by(server: OwnServer, run_id: str) -> str | None:
    """The status that leadagent makes of Prefect's state."""
    from prefect.client.schemas.objects import StateType

    from leadagent_prefect.runs.status import STATUSES

    found = server.ask(f"/flow_runs/{run_id}")
    if found is None:
        return None
    return next(word for word, types in STATUSES.items() if StateType(found["state_type"]) in types)


@dataclass
class Rest:
    """``leadagent serve`` on the server."""

    url: str

    def post(self, plan: dict[str, Any]) -> str:
        request = urllib.request.Request(
            f"{self.url}/api/v1/workflows", json.dumps(plan).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return str(json.load(answer)["execution_id"])

    def status(self, run_id: str) -> str | None:
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/workflows/{run_id}", timeout=10) as answer:
                return str(json.load(answer)["status"])
        except OSError:
            return None


@pytest.mark.long
@pytest.mark.timeout(600 if WHOLE else 300)
@pytest.mark.parametrize("pause", PAUSES)
def test_a_server_that_is_killed_and_started_again_changes_no_outcome(
    prefect_api: PrefectApi, service: Service, tmp_path: Path, pause: float
) -> None:
    seeded("X2")
    with ExitStack() as stack:
        server = stack.enter_context(own_server(tmp_path / "home", Path(os.environ["PREFECT_HOME"])))
        rest = None
        if WHOLE:
            config = tmp_path / "serve.yaml"
            config.write_text(json.dumps({"allow_networks": ["127.0.0.1/32"]}))
            options = "--port", "0", "--config", str(config)
            rest = Rest(stack.enter_context(server_process(tmp_path, *options, **server.environment())).url)
        for number in range(PAUSES[pause]):
            # Every other one is still under way when the server is back.
            service.rule("/", delay=0.4 if number % 2 == 0 else pause / 4)
            back = _lose(server, rest, service, tmp_path, pause, f"r{number}")
        if WHOLE:
            until(lambda: not slots(server), RECLAIMED)
            print(f"slots were free {time.monotonic() - back:.1f} s after it was back")
            assert time.monotonic() - back < RECLAIMED


def _lose(
    server: OwnServer, rest: Rest | None, service: Service, folder: Path, pause: float, which: str
) -> float:
    """One round; when the server was back."""
    run, posted = Run(which, service), Run(f"{which}-posted", service)
    plan = workflow(service.url, which, max_concurrency=2)
    with ExitStack() as stack:
        process = stack.enter_context(command(folder, plan, server.environment()))
        if rest is not None:
            asked = rest.post(workflow(service.url, posted.which))
            stack.enter_context(posted.followed(lambda: rest.status(asked)))
            posted.got(2)
        run_id = run.got(3)
        stack.enter_context(run.followed(lambda: shown_by(server, run_id)))
        until(lambda: run.statuses)
        server.kill()
        time.sleep(pause)
        server.start()
        back = time.monotonic()
        completed(process)
        agrees(server.api, run_id, back)
        if rest is not None:
            agrees(server.api, asked, back)
            until(lambda: posted.statuses[-1:] == ["completed"])
        until(lambda: run.statuses[-1:] == ["completed"])
    run.check()
    agreed = time.monotonic() - back
    if rest is not None:
        posted.check()
    print(f"{which}: away {pause:g} s; Prefect agreed {agreed:.1f} s after it was back")
    return back


def slots(server: OwnServer) -> int:
    """How many of the service's are taken."""
    return sum(int(one["active_slots"]) for one in server.ask("/v2/concurrency_limits/filter", {}))


@pytest.mark.timeout(900 if WHOLE else 180)
def test_a_websocket_that_is_cut_loses_no_task(
    prefect_api: PrefectApi, service: Service, tmp_path: Path
) -> None:
    random = seeded("X2")
    service.rule("/", delay=0.3)
    for number in range(CUTS):
        run = Run(f"c{number}", service)
        with wire(urlsplit(prefect_api.url).port or 0) as line:
            url = {"PREFECT_API_URL": f"http://{line.address}/api"}
            known = {**client_environment(prefect_api), **url}
            env = uncounted(environment(tmp_path / "client", **known))
            with command(tmp_path, workflow(service.url, run.which), env) as process:
                run_id = run.got(random.randint(1, STEPS - 2))
                line.refuses.add("websocket")
                assert line.cut("websocket") > 0
                time.sleep(random.uniform(0.0, 3.0))
                line.refuses.clear()
                completed(process)
                ended = time.monotonic()
        run.statuses.append("completed")
        run.check()
        agrees(prefect_api, run_id, ended)
