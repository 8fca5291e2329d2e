"""Breaker truth: four processes of many callers, one service, and what its history says of the circuit.

In short a few cycles of opening and probing; whole fifty, and a prober that is killed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from chaos import WHOLE, History, Request, Service, chaos_service
from waiting import until

from leadagent_prefect.embedded import PrefectApi
from leadagent_prefect.embedded.client import client_environment

PROCESSES, CALLERS = 4, 25 if WHOLE else 5
THRESHOLD = 5
RECOVERY = 5.0 if WHOLE else 6.0
CYCLES = 50 if WHOLE else 2
#: Seconds that an opening may take to reach every process. Machines that test much at once are slow: in short
#: it is the counts that tell.
TOLERANCE = 0.25 if WHOLE else 2.5
#: Seconds that a closing may take.
CLOSING = 2.0 if WHOLE else 15.0


class Fleet:
    """The processes of callers, and what they said."""

    def __init__(self, api: PrefectApi, service: Service) -> None:
        breaker = {"failure_threshold": THRESHOLD, "recovery_timeout": RECOVERY}
        config = {"name": "a", "type": "http_api", "endpoint": service.url, "circuit_breaker": breaker}
        self.said: list[dict[str, Any]] = []
        self.processes = {
            f"w{n}": subprocess.Popen(
                [
                    *(sys.executable, str(Path(__file__).with_name("callers.py")), service.url),
                    *(f"w{n}", str(CALLERS), json.dumps(config)),
                ],
                env={**os.environ, **client_environment(api)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for n in range(PROCESSES)
        }
        self._readers = [
            threading.Thread(target=self._read, args=(process,)) for process in self.processes.values()
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.said.append({**json.loads(line), "at": time.time()})

    def moves(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.said if line.get("event") == event]

    def kill(self, worker: str) -> None:
        self.processes[worker].send_signal(signal.SIGKILL)

    def end(self) -> None:
        for process in self.processes.values():
            assert process.stdin is not None
            process.stdin.close()
        for process in self.processes.values():
            process.wait(30)
        for reader in self._readers:
            reader.join()
        for process in self.processes.values():
            assert process.stdout is not None
            process.stdout.close()


@contextmanager
def fleet(api: PrefectApi, service: Service) -> Iterator[Fleet]:
    callers = Fleet(api, service)
    try:
        yield callers
    finally:
        callers.end()


def bursts(requests: list[Request], gap: float) -> list[list[Request]]:
    """Requests that began within ``gap`` seconds of each other, together."""
    groups: list[list[Request]] = []
    for request in requests:
        if groups and request.t_start - groups[-1][-1].t_start < gap:
            groups[-1].append(request)
        else:
            groups.append([request])
    return groups


def check_openings(history: History, probes: int) -> None:
    """Calls of the first burst, then exactly one for each cycle, and none in between."""
    first, *cycles = bursts(history.requests, RECOVERY / 2)
    opened = sorted(first, key=lambda request: request.t_end)[THRESHOLD - 1].t_end
    late = [request for request in first if request.t_start > opened + TOLERANCE]
    assert not late, f"{len(late)} calls came later than {TOLERANCE} s after it opened"
    assert len(first) <= THRESHOLD + PROCESSES * CALLERS
    assert [len(cycle) for cycle in cycles[:probes]] == [1] * probes
    for before, after in pairwise(cycles[:probes]):
        assert after[0].t_start - before[0].t_end >= RECOVERY - (0.1 if WHOLE else 1.0)


@pytest.mark.timeout(900 if WHOLE else 240)
def test_an_open_circuit_lets_one_probe_through_over_all_processes(prefect_api, tmp_path):
    with chaos_service(tmp_path / "history.jsonl") as service, fleet(prefect_api, service) as callers:
        # All know the service before it breaks, as processes do that are at work.
        until(lambda: len({request.worker for request in service.history().requests}) == PROCESSES, 90)
        service.rule("/", status=500)
        until(lambda: len(callers.moves("circuit_opened")) > CYCLES, 60 + 3 * CYCLES * RECOVERY)
        failed = [request for request in service.history().requests if request.status == 500]
        check_openings(History(failed), CYCLES)
        # What says nothing about the service frees its permit at once, and the next one probes.
        seen = len(service.history().requests)
        service.rule("/", status=429)
        until(lambda: len(service.history().requests) >= seen + 3, 30)
        # A probe that hangs ends with its attempt, and opens the circuit again.
        opened = len(callers.moves("circuit_opened"))
        service.rule("/", status=200, delay=30)
        until(lambda: len(callers.moves("circuit_opened")) > opened, 30)
        if WHOLE:
            half = len(callers.moves("circuit_half_opened"))
            until(lambda: len(callers.moves("circuit_half_opened")) > half, 30)
            callers.kill(callers.moves("circuit_half_opened")[-1]["worker"])
        # Not found is an answer: it closes.
        service.rule("/", status=404)
        until(lambda: bool(callers.moves("circuit_closed")), 90)
        alive = {name for name, process in callers.processes.items() if process.poll() is None}
        closed = callers.moves("circuit_closed")[0]["at"]
        until(lambda: {r.worker for r in service.history().between(closed, 1e12)} >= alive, 30)
        firsts = {
            worker: min(r.t_start for r in service.history().between(closed, 1e12) if r.worker == worker)
            for worker in alive
        }
        assert max(firsts.values()) - closed <= CLOSING
        assert len(callers.moves("circuit_closed")) == 1
