"""X10: the REST API under requests that were made up, many at a time, with keys that are almost right."""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import httpx
import pytest
from chaos import WHOLE, seeded
from fuzzing import bare_environment, fuzz
from rest_servers import server_process

from leadagent_prefect.api.keys import KeyFile

WORKFLOWS = "/api/v1/workflows"
SEED = 20240229
#: Runs of Schemathesis, each within the ten minutes that a test may take: 5,000 cases together.
PARTS = 7 if WHOLE else 1
#: Bytes by which the server may have grown.
GROWTH = 50 * 1024 * 1024


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """``leadagent serve`` in a home of its own, with its Prefect and three keys; with its worker in the whole
    form, otherwise all runs stay queued.
    """
    folder = tmp_path_factory.mktemp("fuzzed")
    keys = KeyFile(folder / "keys.json")
    scopes = {"alice": ("read", "submit", "cancel"), "bob": ("read", "submit", "cancel"), "root": ("admin",)}
    made = {name: keys.create(name, allowed)[1] for name, allowed in scopes.items()}
    limits = {"rate_limit": "1000000/minute", "agent_test_limit": "1000000/minute", "limit": 1}
    config = folder / "serve.yaml"
    config.write_text(json.dumps({**limits, "port": 0, "api_keys": str(folder / "keys.json")}))
    options = ["--config", str(config), *([] if WHOLE else ["--no-worker"])]
    environment = {"PREFECT_HOME": str(folder / "home"), "LEADAGENT_SERVER_IDLE_SECONDS": "60"}
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ.keys() - bare_environment().keys():
            patch.delenv(name)
        with server_process(folder, *options, **environment) as running:
            yield SimpleNamespace(url=running.url, pid=running.pid, keys=made, log=running.log, sizes=[])
        command = [sys.executable, "-m", "leadagent_prefect", "server", "stop"]
        subprocess.run(command, env={**os.environ, **environment}, check=True)


def _memory(pid):
    """Bytes of the server's process and of those that check bodies for it; worker and Prefect are others."""
    found = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError):
            command = (folder / "cmdline").read_bytes()
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if int(folder.name) == pid or (parent == pid and b"to_process" in command):
                found += int((folder / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return found


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Schemathesis is for Python 3.11 and newer")
@pytest.mark.timeout(580 if WHOLE else 600)
@pytest.mark.parametrize("part", range(PARTS))
def test_no_request_that_was_made_up_makes_a_failure(server, tmp_path, part):
    seed = seeded(f"fuzz {part}").randrange(2**31) if WHOLE else SEED
    found = fuzz(
        server.url,
        server.keys,
        tmp_path,
        examples=60 if WHOLE else 10,
        seed=seed,
        phases="examples,fuzzing,stateful" + (",coverage" if WHOLE else ""),
        patience=60 if WHOLE else 3,
    )
    print(f"{found.text}\n{found.cases} cases, {found.accepted}")
    assert found.wrong == []
    assert found.cases >= (800 if WHOLE else 150)
    server.sizes.append(_memory(server.pid))
    assert "Traceback" not in server.log.read_text(errors="replace")
    if part and part == PARTS - 1:  # the first has warmed it up
        print(f"sizes in MiB: {[round(size / 2**20) for size in server.sizes]}")
        assert server.sizes[-1] - server.sizes[0] <= GROWTH


def _workflow(rng):
    return {"name": f"crowd-{rng.randrange(3)}", "tasks": [{"name": "one", "value": rng.randrange(3)}]}


def _visit(url, key, rng, requests, seconds):
    """One client's way through the API: status, headers and seconds of each answer."""
    found, run = [], str(uuid4())
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=120) as client:
        for _ in range(requests):
            path = f"{WORKFLOWS}/{run}"
            method, path = rng.choice(
                [
                    ("POST", WORKFLOWS),
                    ("POST", f"{WORKFLOWS}/validate"),
                    ("GET", WORKFLOWS),
                    ("GET", path),
                    ("GET", f"{path}/status"),
                    ("GET", f"{path}/logs"),
                    ("DELETE", path),
                    ("POST", f"{path}/resume"),
                    ("GET", "/api/v1/health/ready"),
                ]
            )
            body = {"json": _workflow(rng)} if path in (WORKFLOWS, f"{WORKFLOWS}/validate") else {}
            began = time.perf_counter()
            answer = client.request(method, path, **(body if method == "POST" else {}))
            seconds.append(time.perf_counter() - began)
            found.append((answer.status_code, "retry-after" in answer.headers))
            if (method, path, answer.status_code) == ("POST", WORKFLOWS, 200):
                run = answer.json()["execution_id"]
    return found


@pytest.mark.timeout(600)
def test_one_client_alone_does_not_wait(server):
    quiet, seconds = os.getloadavg()[0] < (os.cpu_count() or 1), []
    answers = _visit(server.url, server.keys["alice"], seeded("alone"), 500 if WHOLE else 10, seconds)
    assert {status for status, _ in answers} <= {200, 404, 409}
    p99 = sorted(seconds)[int(len(seconds) * 0.99)]
    print(f"one at a time: p99 {p99 * 1000:.0f} ms on a {'quiet' if quiet else 'busy'} machine")
    if WHOLE and quiet:
        assert p99 <= 0.5


@pytest.mark.timeout(900 if WHOLE else 600)
def test_fifty_clients_at_a_time_are_answered_or_told_when_to_come_again(server):
    rng, seconds = seeded("crowd"), []
    each = 40 if WHOLE else 2
    clients = [random.Random(rng.random()) for _ in range(50)]
    with ThreadPoolExecutor(50) as pool:
        keys = [server.keys["alice" if number % 2 else "bob"] for number in range(50)]
        ways = list(
            pool.map(lambda client, key: _visit(server.url, key, client, each, seconds), clients, keys)
        )
    answers = [answer for way in ways for answer in way]
    assert len(answers) == 50 * each
    later = [retry_after for status, retry_after in answers if status in (429, 503)]
    assert all(later), "an answer 429 or 503 without Retry-After"
    assert {status for status, _ in answers} <= {200, 404, 409, 429, 503}
    if WHOLE:
        assert len(later) <= len(answers) // 10
    print(f"50 at a time: {len(later)} of {len(answers)} later, slowest {max(seconds):.2f} s")


def _rank_sum(one, other):
    """The two-sided p of Mann and Whitney's test, by its normal approximation: both have many values."""
    rows = sorted([(value, 0) for value in one] + [(value, 1) for value in other])
    ranks, at = [0.0, 0.0], 0
    ties = 0.0
    while at < len(rows):
        end = at
        while end < len(rows) and rows[end][0] == rows[at][0]:
            end += 1
        for _, which in rows[at:end]:
            ranks[which] += (at + 1 + end) / 2
        ties += (end - at) ** 3 - (end - at)
        at = end
    n, m = len(one), len(other)
    u = ranks[0] - n * (n + 1) / 2
    spread = math.sqrt(n * m / 12 * (n + m + 1 - ties / ((n + m) * (n + m - 1))))
    return math.erfc(abs(u - n * m / 2) / spread / math.sqrt(2))


def test_the_rank_sum_test_tells_apart_what_differs():
    rng = random.Random(SEED)
    same = [[rng.gauss(100, 10) for _ in range(2000)] for _ in range(2)]
    assert _rank_sum(*same) > 0.01
    assert _rank_sum(same[0], [value + 2 for value in same[1]]) < 0.001


@pytest.mark.timeout(600)
def test_how_long_a_key_is_checked_does_not_tell_where_it_is_wrong(tmp_path):
    file = KeyFile(tmp_path / "keys.json")
    _, right = file.create("ci", ["read"])
    at = right.index("_", 3) + 1
    changed = {
        place: (right[:place] + ("A" if right[place] != "A" else "B") + right[place + 1 :]).encode()
        for place in (at, len(right) - 1)
    }
    assert all(file.find(token) is None for token in changed.values())
    if not WHOLE:  # times are for a quiet machine
        return
    rng = seeded("keys")
    # One in a hundred rounds fails by chance; where the place matters, each does.
    found = [_rank_sum(*_timed(file, list(changed.values()), rng)) for _ in range(3)]
    print(f"wrong first against wrong last character: p {found}")
    assert max(found) > 0.01


def _timed(file, tokens, rng, trials=2000):
    times = [[], []]
    for _ in range(trials):
        for which in rng.sample((0, 1), 2):
            began = time.perf_counter_ns()
            file.find(tokens[which])
            times[which].append(time.perf_counter_ns() - began)
    return times
