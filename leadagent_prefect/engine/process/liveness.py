"""Whether the process of a run lives, told by labels of its flow run: where it is, and its last beat."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, StateType

from leadagent_prefect.embedded.state import process_birth

#: A run tells that it lives as often; one that has not for as long as the second is dead.
BEAT_SECONDS, DEAD_AFTER_SECONDS = 30.0, 90.0

_GOING_ON = (StateType.RUNNING, StateType.CANCELLING)


@dataclass(frozen=True)
class Process:
    """``start`` tells it from a later one with its id; empty, as ``boot``, where the system does not tell."""

    host: str
    boot: str
    pid: int
    start: str

    @classmethod
    def current(cls) -> Process:
        return cls._of_pid(os.getpid())

    @classmethod
    def _of_pid(cls, pid: int) -> Process:
        boot, _, start = process_birth(pid).partition(":")
        return cls(socket.gethostname(), boot, pid, start)

    @classmethod
    def of(cls, labels: Mapping[str, Any]) -> Process | None:
        """The one that the labels of a flow run name; None where they name none."""
        try:
            return cls(
                host=str(labels["leadagent.host"]),
                boot=str(labels["leadagent.boot"]),
                pid=int(labels["leadagent.pid"]),
                start=str(labels["leadagent.process_start"]),
            )
        except (KeyError, ValueError):
            return None

    @property
    def is_here(self) -> bool:
        """On this machine, since it was started last."""
        here = Process.current()
        return bool(self.boot) and (self.host, self.boot) == (here.host, here.boot)

    @property
    def lives(self) -> bool:
        """Of a process that `is_here`."""
        return Process._of_pid(self.pid) == self


def labels_of_this_process(execution: int = 1) -> dict[str, Any]:
    """What a run says of the process it is executed in, for the ``execution``-th time, with a beat."""
    process = Process.current()
    return {
        "leadagent.execution": execution,
        "leadagent.host": process.host,
        "leadagent.boot": process.boot,
        "leadagent.pid": process.pid,
        "leadagent.process_start": process.start,
        **beat(),
    }


def beat() -> dict[str, Any]:
    return {"leadagent.beat": datetime.now(timezone.utc).isoformat(timespec="seconds")}


def is_dead(run: FlowRun, now: datetime | None = None) -> bool:
    """Whether a run that Prefect has as going on has no process any more.

    On the machine of its process that is seen; from elsewhere, and of a run that has named none, it is
    concluded from beats that are missing.
    """
    if run.state is None or run.state.type not in _GOING_ON:
        return False
    process = Process.of(run.labels)
    if process is not None and process.is_here and is_named(run):
        return not process.lives
    moment = now or datetime.now(timezone.utc)
    return moment - _last_sign(run) > timedelta(seconds=DEAD_AFTER_SECONDS)


def is_named(run: FlowRun) -> bool:
    """Whether its labels are of its present execution, and not left over from the one before."""
    return run.labels.get("leadagent.execution") == max(run.run_count, 1)


def _last_sign(run: FlowRun) -> datetime:
    """Its last beat or change: the latter is by the server's clock, where the former may be wrong."""
    signs: list[datetime] = [sign for sign in (run.updated, run.start_time, run.created) if sign is not None]
    text = run.labels.get("leadagent.beat")
    if isinstance(text, str):
        signs.append(datetime.fromisoformat(text))
    return max(signs, default=datetime.min.replace(tzinfo=timezone.utc))


def label_new_runs(client: PrefectClient) -> None:
    """Runs that ``client`` makes have this process's labels from the start, at the cost of no request."""
    made: Any = client
    send = made.request

    async def request(method: str, path: str, **options: Any) -> Any:
        if (method, path) == ("POST", "/flow_runs/") and options["json"].get("parent_task_run_id") is None:
            options["json"] = {**options["json"], "labels": labels_of_this_process()}
        return await send(method, path, **options)

    made.request = request
