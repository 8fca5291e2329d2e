"""How long a deployed workflow takes, from the creation of its run to Completed: warm worker and stock one.

The workflow is three tasks one after another, each an http call to a server on loopback that answers at once.
Both workers run the same file, side by side, with their own defaults; the runs take turns. The times are the
Prefect server's: when the run was created, and when it was Completed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from harness import Timing, machine, own_home, table
from harness.server import rest, running_server
from harness.service import service

WARM, STOCK = "leadagent worker", "prefect worker start --type process"
#: A stock run takes as long as ten warm ones.
ROUNDS, WARM_IN_A_ROUND = 5, 4
#: Bars, on a quiet machine: seconds, and times as fast as the stock worker.
AT_MOST, AT_LEAST = 0.8, 12.0
BIN = Path(sys.executable).parent
FLOW = """
from typing import Any

from prefect import State, flow

from leadagent_prefect.engine.flow import execute
from leadagent_prefect.engine.steps.task import PLAIN_JSON
from leadagent_prefect.models import AgentConfig, TaskConfig, Workflow
from leadagent_prefect.plan import build

service = AgentConfig(name="service", type="http_api", endpoint="{url}")
first = TaskConfig(name="first", agent_name=service.name, action="GET", parameters={{"endpoint": "/"}})
second = first.model_copy(update={{"name": "second", "depends_on": ["first"]}})
third = first.model_copy(update={{"name": "third", "depends_on": ["second"]}})
workflow = Workflow(name="three", agents=[service], tasks=[first, second, third])


@flow(name="three", persist_result=True, result_serializer=PLAIN_JSON, validate_parameters=False)
async def three() -> State[Any]:
    return await execute(build(workflow), {{}})
"""


@contextmanager
def worker(command: str, pool: str, folder: Path) -> Iterator[None]:
    """A worker's process; its output is shown where it does not come up."""
    from leadagent_prefect.embedded import client_environment, ensure_api

    environment = {**os.environ, **client_environment(ensure_api())}
    # What `running_server` set for this process alone: the workers write their log as they always do.
    del environment["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"]
    log = folder / f"{pool}.log"
    program, *options = command.split()
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(BIN / program), *options, "--pool", pool], stdout=out, stderr=out, env=environment
        )
    try:
        until = time.monotonic() + 90
        while "started!" not in log.read_text(errors="replace"):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"{command} did not start:\n{log.read_text(errors='replace')}")
            time.sleep(0.1)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


async def deploy(client: Any, pool: str, folder: Path) -> UUID:
    flow_id = await client.create_flow_from_name("three")
    step = {"prefect.deployments.steps.set_working_directory": {"directory": str(folder)}}
    found: UUID = await client.create_deployment(
        flow_id=flow_id, name=pool, work_pool_name=pool, entrypoint="three.py:three", pull_steps=[step]
    )
    return found


async def latency(client: Any, deployment: UUID) -> Timing:
    """Of one run. CPU time is that of other processes, and not counted."""
    run = await client.create_flow_run_from_deployment(deployment)
    while not run.state.is_final():
        await asyncio.sleep(0.1)
        run = await client.read_flow_run(run.id)
    if not run.state.is_completed():
        raise SystemExit(f"the run ended as {run.state.name}: {run.state.message}")
    return Timing((run.end_time - run.created).total_seconds(), 0.0)


async def measure(server: int, folder: Path) -> dict[str, list[Timing]]:
    from prefect.client.orchestration import get_client

    async with get_client() as client:
        deployments = {
            WARM: await deploy(client, "warm", folder),
            STOCK: await deploy(client, "stock", folder),
        }
        for deployment in deployments.values():  # what each does but once
            await latency(client, deployment)
        timings: dict[str, list[Timing]] = {WARM: [], STOCK: []}
        for _ in range(ROUNDS):
            for name, runs in ((WARM, WARM_IN_A_ROUND), (STOCK, 1)):
                for _ in range(runs):
                    await asyncio.to_thread(rest, server)
                    timings[name].append(await latency(client, deployments[name]))
        return timings


def judge(timings: dict[str, list[Timing]]) -> None:
    warm, stock = (statistics.median(timing.wall for timing in timings[name]) for name in (WARM, STOCK))
    print(f"the warm worker is {stock / warm:.1f} times as fast; the bars: {AT_LEAST:g} times, {AT_MOST:g} s")


def main() -> None:
    with (
        machine(),
        own_home(),
        running_server() as server,
        service() as url,
        tempfile.TemporaryDirectory() as name,
    ):
        folder = Path(name)
        (folder / "three.py").write_text(FLOW.format(url=url), encoding="utf-8")
        with worker(WARM, "warm", folder), worker(STOCK, "stock", folder):
            timings = asyncio.run(measure(server, folder))
        table(timings, base=WARM)
        judge(timings)


if __name__ == "__main__":
    main()
