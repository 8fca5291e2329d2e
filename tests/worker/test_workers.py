"""The worker itself: how it polls, what it takes at a time, how it ends, and who else can do its work."""

from __future__ import annotations

import http.server
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from office import alive, all_processes, children, command_line
from waiting import until

#: Each starts a worker, and the first a server.
pytestmark = pytest.mark.timeout(300)


class WithoutWebsockets(http.server.BaseHTTPRequestHandler):
    """Hands requests on to the server of the tests, but for those that would become a websocket."""

    protocol_version = "HTTP/1.1"
    target = ""

    def do_GET(self) -> None:
        if self.headers.get("Upgrade"):
            self.send_error(503)
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        connection = HTTPConnection(self.target, timeout=60)
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        data = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        connection.close()

    do_POST = do_PATCH = do_PUT = do_DELETE = do_GET

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def without_websockets(prefect_api) -> Iterator[str]:
    """The API of the tests by an address that takes no websocket."""
    parts = urlsplit(prefect_api.url)
    handler = type("Handler", (WithoutWebsockets,), {"target": parts.netloc})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield parts._replace(netloc=f"127.0.0.1:{server.server_port}").geturl()
    server.shutdown()
    server.server_close()


def test_without_events_polling_finds_runs_and_cancellations(office, working, without_websockets, tmp_path):
    polling = {"PREFECT_API_URL": without_websockets, "PREFECT_WORKER_QUERY_SECONDS": "1"}
    with working("--limit", "1", **polling) as worker:
        deployment = office.deploy(worker.pool)
        first = office.start(deployment, action="wait", file=str(tmp_path / "first"))
        until(lambda: "waiting for first" in worker.log())
        second = office.start(deployment)  # the worker takes one at a time
        assert office.state(second) == "SCHEDULED"
        office.cancel(first)
        assert office.ended(first).state.type.value == "CANCELLED"
        assert office.ended(second).start_time >= office.read(first).end_time


def test_a_pool_with_one_place_is_given_one_run_at_a_time(office, working, tmp_path):
    """And Prefect's own command starts a worker of this type."""
    pool = office.pool(concurrency_limit=1)
    prefect = ("prefect", "worker", "start", "--type", "leadagent")
    with working(pool=pool, command=prefect, PREFECT_WORKER_QUERY_SECONDS="600") as worker:
        deployment = office.deploy(pool)
        first = office.start(deployment, action="wait", file=str(tmp_path / "go"))
        until(lambda: "waiting for go" in worker.log())
        second = office.start(deployment)
        (tmp_path / "go").touch()
        assert office.ended(second).start_time >= office.ended(first).end_time
        assert worker.stop() == 0


def test_a_worker_that_is_told_to_stop_lets_its_runs_end_and_takes_no_more(office, working, tmp_path):
    with working("--drain", "50", pool=office.pool()) as worker:
        deployment = office.deploy(worker.pool)
        run = office.start(deployment, action="wait", file=str(tmp_path / "go"))
        until(lambda: "waiting for go" in worker.log())
        processes = [worker.fork_server(), *children(worker.fork_server())]
        worker.process.send_signal(signal.SIGTERM)
        until(lambda: "Waiting up to 50 s for 1 run" in worker.log())
        late = office.start(deployment)
        (tmp_path / "go").touch()
        assert worker.process.wait(60) == 0
    assert office.state(run) == "COMPLETED"
    assert office.state(late) == "SCHEDULED"
    assert [pid for pid in processes if alive(pid)] == []


def test_a_worker_that_is_told_twice_cancels_its_runs(office, working, tmp_path):
    with working() as worker:
        run = office.start(office.deploy(worker.pool), action="wait", file=str(tmp_path / "go"))
        until(lambda: "waiting for go" in worker.log())
        worker.process.send_signal(signal.SIGINT)
        until(lambda: "Waiting up to" in worker.log())
        worker.process.send_signal(signal.SIGTERM)
        assert worker.process.wait(60) == 0
    assert office.state(run) == "CANCELLED"


def test_a_worker_that_is_told_to_stop_leaves_no_run_running(office, working, tmp_path):
    """Whatever they are at: a call, code that blocks its process, the start."""
    with working("--drain", "0", LEADAGENT_WORKER_KILL_SECONDS="2") as worker:
        deployment = office.deploy(worker.pool)
        runs = [
            office.start(deployment, action=action, file=str(tmp_path / action))
            for action in ("wait", "block")
        ]
        until(lambda: all(Path(f"{tmp_path / action}.calls").exists() for action in ("wait", "block")))
        runs.append(office.start(deployment, action="wait", file=str(tmp_path / "late")))
        until(lambda: office.state(runs[-1]) != "SCHEDULED")
        assert worker.stop() == 0
    assert [office.state(run) for run in runs] == ["CANCELLED"] * 3


def test_what_does_not_end_is_killed(office, working, tmp_path):
    with working("--drain", "0", LEADAGENT_WORKER_KILL_SECONDS="0.5") as worker:
        deployment = office.deploy(worker.pool, "plain")
        first, second = (tmp_path / name for name in ("first", "second"))
        run = office.start(deployment, action="stubborn", file=str(first))
        until((tmp_path / "first.started").exists)
        office.cancel(run)
        assert office.ended(run).state.type.value == "CANCELLED"
        run = office.start(deployment, action="stubborn", file=str(second))
        until((tmp_path / "second.started").exists)
        assert worker.stop() == 0
    assert office.state(run) == "CANCELLED"


def test_the_runs_of_a_worker_that_was_killed_are_taken_up_by_another(office, working, tmp_path):
    with working(LEADAGENT_WORKER_KILL_SECONDS="5") as worker:
        deployment = office.deploy(worker.pool, tags=["leadagent"])
        run = office.start(deployment, action="wait", file=str(tmp_path / "go"))
        plain = office.deploy(worker.pool, "plain")
        office.start(plain, action="stubborn", file=str(tmp_path / "plain"))
        until(lambda: "waiting for go" in worker.log() and (tmp_path / "plain.started").exists())
        processes = [worker.fork_server(), *children(worker.fork_server())]
        worker.process.kill()
        until(lambda: not any(alive(pid) for pid in processes))
    assert office.state(run) == "RUNNING"
    (tmp_path / "go").touch()
    with working(pool=worker.pool):
        assert office.ended(run).state.type.value == "COMPLETED"
    names = [state.name for state in office.client.read_flow_run_states(run)]
    assert names[2:] == ["Running", "AwaitingRetry", "Pending", "Running", "Completed"]
    first, second = (office.result(run, task)["pid"] for task in ("before", "errand"))
    assert first in processes  # its answer is kept
    assert second not in processes


def test_a_worker_of_prefects_own_runs_and_cancels_the_same_deployments(office, working, tmp_path):
    pool = office.pool(type="process", base_job_template={})
    stock = ("prefect", "worker", "start", "--type", "process")
    with working(pool=pool, command=stock, PREFECT_WORKER_QUERY_SECONDS="1") as worker:
        assert office.ended(office.start(office.deploy(pool))).state.type.value == "COMPLETED"
        name = tmp_path / "tool"
        cancelled = office.start(office.deploy(pool, "tooling"), file=str(name))
        until(lambda: running(str(name)))
        office.cancel(cancelled)
        assert office.ended(cancelled).state.type.value == "CANCELLED"
        until(lambda: not running(str(name)) and not children(worker.process.pid))


def running(word: str) -> list[int]:
    """The processes that were started with this word, and no run's parameters."""
    return [pid for pid in all_processes() if command_line(pid).split()[-1:] == [word]]


def leadagent(api_environment, *options, **environment):
    command = [sys.executable, "-m", "leadagent_prefect", "worker", *options]
    environment = {**api_environment, **environment}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def test_a_pool_of_another_type_is_refused(office, api_environment):
    code, said = leadagent(api_environment, "--pool", office.pool(type="process", base_job_template={}))
    assert code == 2
    assert "is of type 'process', and this worker works for pools of type 'leadagent'" in said


@pytest.mark.parametrize("option", ["--pool", "--name"])
def test_a_name_that_prefect_bans_is_refused(api_environment, option):
    code, said = leadagent(api_environment, option, "a/b")
    assert code == 2
    assert f"{option} 'a/b': a name is not empty and has neither / nor %" in said


def test_an_api_that_is_not_there_is_code_3(api_environment):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    code, said = leadagent(api_environment, PREFECT_API_URL=f"http://127.0.0.1:{port}/api")
    assert code == 3
    assert "can't be reached" in said


class Refusing(http.server.BaseHTTPRequestHandler):
    """An API that says its version, and nothing else."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path.endswith("/admin/version") else 422)
        self.send_header("Content-Length", "7")
        self.end_headers()
        self.wfile.write(b'"3.8.8"')

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def test_an_api_that_answers_otherwise_than_prefects_is_code_3(api_environment):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/api"
        code, said = leadagent(api_environment, PREFECT_API_URL=url)
        server.shutdown()
    assert code == 3
    assert "does not answer as it should" in said
