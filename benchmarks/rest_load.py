"""The REST API under load: runs posted as fast as one client can, on the embedded server with its defaults.

Each run is three http tasks, one after another, to a service on loopback. While the runs go on a second
client asks for the status of one again and again. What is measured: the answers to both, runs a second from
the first request to the last run's end, and what the load leaves behind: memory, open files and threads of
each process, bytes of the database. ``rest_load.py N`` posts N runs.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from harness import machine, own_home
from harness.service import service

RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 120
#: Runs after which memory is expected to stay, as a share.
WARM = 0.4
#: Bars, on a quiet machine: milliseconds at the 95th percentile, runs a second, MB of database a run.
SUBMIT, STATUS, RATE, DATABASE = 150.0, 100.0, 3.0, 0.5
WORKFLOWS = "/api/v1/workflows"


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """``leadagent serve``, ready; gives its address."""
    log, config = home / "serve.log", home / "serve.json.yaml"
    config.write_text(json.dumps({"allow_networks": ["127.0.0.1/32"], "rate_limit": "1000000/minute"}))
    command = [sys.executable, "-m", "leadagent_prefect", "serve", "--port", "0", "--config", str(config)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    try:
        yield _address(process, log)
    finally:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(90)
        process.kill()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    until = time.monotonic() + 180
    while time.monotonic() < until and process.poll() is None:
        text = log.read_text(errors="replace")
        found = re.search(r"Serving on (http://\S+)", text)
        if found and "started!" in text:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{found[1]}/api/v1/health/ready", trust_env=False).status_code == 200:
                    return found[1]
        time.sleep(0.2)
    raise SystemExit(f"the server did not start:\n{log.read_text(errors='replace')}")


def workflow(url: str) -> dict[str, Any]:
    names = ["first", "second", "third"]
    tasks = [
        {"name": name, "agent_name": "service", "action": "GET", "parameters": {"endpoint": f"/{name}"}}
        for name in names
    ]
    agents = [{"name": "service", "type": "http_api", "endpoint": url}]
    return {"name": "three", "parallel_execution": False, "agents": agents, "tasks": tasks}


@dataclass
class Process:
    """``kind`` is what it does; RSS is in kB; the CPU seconds of children that have ended count."""

    kind: str
    rss: int
    files: int
    threads: int
    cpu: float


def processes(home: Path) -> list[Process]:
    """Those of the server that stay: itself, its worker, the process that runs are forked from, Prefect."""
    kinds = {
        "leadagent_prefect serve": "API server",
        "api.attendant": "worker",
        "worker.forkserver": "fork server",
        "leadagent_prefect.embedded": "Prefect server",
    }
    found: dict[str, Process] = {}
    marked = f"PREFECT_HOME={home}".encode()
    for entry in sorted(Path("/proc").glob("[0-9]*"), key=lambda entry: int(entry.name)):
        with suppress(OSError):
            if marked not in (entry / "environ").read_bytes().split(b"\0"):
                continue
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            status = dict(
                line.split(":\t", 1) for line in (entry / "status").read_text().splitlines() if ":\t" in line
            )
            for text, kind in kinds.items():
                if text in command and kind not in found:  # a fork of the fork server comes after it
                    rss, threads = int(status["VmRSS"].split()[0]), int(status["Threads"])
                    files = len(list((entry / "fd").iterdir()))
                    found[kind] = Process(kind, rss, files, threads, cpu_of(entry))
    return list(found.values())


def cpu_of(entry: Path) -> float:
    ticks = (entry / "stat").read_text().rpartition(")")[2].split()[11:15]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def database(home: Path) -> int:
    """Bytes of it, with what is not written back yet."""
    return sum(path.stat().st_size for path in home.glob("prefect.db*"))


@dataclass
class Load:
    """Seconds of each answer, and the processes by how many runs had ended."""

    submit: list[float] = field(default_factory=list)
    status: list[float] = field(default_factory=list)
    seen: list[tuple[int, list[Process]]] = field(default_factory=list)
    seconds: float = 0.0
    ended: int = 0


def post(client: httpx.Client, body: dict[str, Any]) -> str:
    answer = client.post(WORKFLOWS, json=body)
    answer.raise_for_status()
    return str(answer.json()["execution_id"])


def run(url: str, body: dict[str, Any], runs: int, home: Path) -> Load:
    load, ids = Load(), list[str]()
    over = threading.Event()
    watching = threading.Thread(target=_ask_for_status, args=(url, ids, load, over))
    with httpx.Client(base_url=url, timeout=120, trust_env=False) as client:
        began = time.monotonic()
        for number in range(runs):
            at = time.monotonic()
            ids.append(post(client, body))
            load.submit.append(time.monotonic() - at)
            if number == 0:
                watching.start()
        posted = time.monotonic() - began
        print(f"{runs} runs posted in {posted:.1f} s", flush=True)
        while load.ended < runs:
            time.sleep(1.0)
            load.ended = _ended(client) - 1  # that of the warm-up
            load.seen.append((load.ended, processes(home)))
        load.seconds = time.monotonic() - began
        over.set()
        watching.join()
    return load


def _ended(client: httpx.Client) -> int:
    found = client.get(WORKFLOWS, params={"page_size": 1, "status": "completed"}).json()
    return int(found["total"])


def _ask_for_status(url: str, ids: list[str], load: Load, over: threading.Event) -> None:
    with httpx.Client(base_url=url, timeout=120, trust_env=False) as client:
        while not over.wait(0.2):
            at = time.monotonic()
            client.get(f"{WORKFLOWS}/{ids[len(load.status) % len(ids)]}/status").raise_for_status()
            load.status.append(time.monotonic() - at)


def quantile(values: list[float], share: float) -> float:
    """In milliseconds."""
    ordered = sorted(values)
    return 1e3 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def tell(load: Load, bytes_a_run: float) -> None:
    print(f"{'milliseconds':16} {'n':>5} {'median':>8} {'p95':>8} {'max':>8}  bar (p95)")
    for name, values, bar in (("submit", load.submit, SUBMIT), ("status", load.status, STATUS)):
        shown = " ".join(f"{quantile(values, share):8.1f}" for share in (0.5, 0.95, 1.0))
        print(f"{name:16} {len(values):5} {shown}  {bar:g}")
    print(f"{load.ended / load.seconds:.2f} runs a second (bar {RATE:g})")
    print(f"{bytes_a_run / 1e6:.2f} MB of database a run (bar {DATABASE:g})")
    warm = next(one for one in load.seen if one[0] >= WARM * load.ended)
    first, last = {p.kind: p for p in warm[1]}, load.seen[-1]
    print(f"after {warm[0]} runs, and after {last[0]}:")
    print(f"{'':16} {'RSS MB':>8} {'kB a run':>9} {'files':>10} {'threads':>9} {'CPU ms a run':>13}")
    for now in last[1]:
        was = first.get(now.kind, now)
        runs = max(last[0] - warm[0], 1)
        slope, cpu = (now.rss - was.rss) / runs, 1e3 * (now.cpu - was.cpu) / runs
        files, threads = f"{was.files} {now.files}", f"{was.threads} {now.threads}"
        print(f"{now.kind:16} {now.rss / 1e3:8.0f} {slope:9.1f} {files:>10} {threads:>9} {cpu:13.0f}")


def main() -> None:
    with machine(), own_home() as home, service() as url, serving(home) as server:
        body = workflow(url)
        with httpx.Client(base_url=server, timeout=120, trust_env=False) as client:
            post(client, body)  # what the first one alone pays
            while not _ended(client):
                time.sleep(0.2)
        time.sleep(3)
        before = database(home)
        load = run(server, body, RUNS, home)
        time.sleep(3)
        tell(load, (database(home) - before) / RUNS)
        if os.environ.get("SHOW_LOG"):
            print((home / "serve.log").read_text(errors="replace")[-3000:])


if __name__ == "__main__":
    main()
