"""Deployments for a real worker in a process of its own, and what Prefect says of their runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from waiting import until

FINAL = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}


@dataclass
class Office:
    """Deploys the flows of errands.py, starts runs of them and follows those."""

    client: Any
    folder: Path

    def pool(self, name: str | None = None, **settings: Any) -> str:
        """A work pool of type leadagent; made here, so that it can have settings."""
        from prefect.client.schemas.actions import WorkPoolCreate

        from leadagent_prefect.worker import LeadAgentWorker

        name = name or f"pool-{uuid.uuid4().hex[:8]}"
        template = LeadAgentWorker.get_default_base_job_template()
        settings = {"type": "leadagent", "base_job_template": template, **settings}
        self.client.create_work_pool(WorkPoolCreate(name=name, **settings))
        return name

    def deploy(self, pool: str, flow: str = "errand", **settings: Any) -> uuid.UUID:
        answer = self.client._client.post("/flows/", json={"name": flow})
        step = {"prefect.deployments.steps.set_working_directory": {"directory": str(self.folder)}}
        body = {
            "name": f"{flow}-{uuid.uuid4().hex[:8]}",
            "flow_id": answer.json()["id"],
            "work_pool_name": pool,
            "entrypoint": f"errands.py:{flow}",
            "pull_steps": [step],
            "enforce_parameter_schema": False,
            **settings,
        }
        return uuid.UUID(self.client._client.post("/deployments/", json=body).json()["id"])

    def start(self, deployment: uuid.UUID, after: float | None = None, **parameters: Any) -> uuid.UUID:
        """A run of it, due ``after`` so many seconds."""
        body: dict[str, Any] = {"parameters": parameters}
        if after is not None:
            due = datetime.now(timezone.utc) + timedelta(seconds=after)
            body["state"] = {"type": "SCHEDULED", "state_details": {"scheduled_time": due.isoformat()}}
        answer = self.client._client.post(f"/deployments/{deployment}/create_flow_run", json=body)
        return uuid.UUID(answer.json()["id"])

    def read(self, run: uuid.UUID) -> Any:
        return self.client.read_flow_run(run)

    def state(self, run: uuid.UUID) -> str:
        return str(self.read(run).state.type.value)

    def cancel(self, run: uuid.UUID) -> None:
        from prefect.states import Cancelling

        self.client.set_flow_run_state(run, Cancelling())

    def ended(self, run: uuid.UUID, seconds: float = 180.0) -> Any:
        """The run, once it is in a final state."""

        def final() -> Any:
            found = self.read(run)
            return found if found.state.type.value in FINAL else None

        return until(final, seconds)

    def running(self, run: uuid.UUID) -> None:
        until(lambda: self.state(run) == "RUNNING")

    def result(self, run: uuid.UUID, task: str = "errand") -> Any:
        """What a step of a workflow's run gave."""
        return self.stored(run)["results"][task]

    def stored(self, run: uuid.UUID) -> Any:
        key = self.read(run).state.data.storage_key
        path = Path(os.environ["PREFECT_HOME"], "storage", key)
        return json.loads(path.read_text())


@dataclass
class Working:
    """A worker's process."""

    process: subprocess.Popen[bytes]
    log_file: Path
    pool: str

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def stop(self, *signals: signal.Signals) -> int:
        for number in signals or (signal.SIGTERM,):
            self.process.send_signal(number)
        return self.process.wait(60)

    def fork_server(self) -> int:
        """Its process id."""
        return next(pid for pid in children(self.process.pid) if "forkserver" in command_line(pid))


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def all_processes() -> list[int]:
    """All of this machine."""
    return [int(path.name) for path in Path("/proc").glob("[0-9]*")]


def command_line(pid: int) -> str:
    """Empty of one that has just ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
