"""What a fork does: loads the flow of its run and runs it, as ``python -m prefect.engine`` would."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import importlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType, SimpleNamespace
from typing import Any, Final
from uuid import UUID

import prefect.client.base
import prefect.context
import prefect.flow_engine
import prefect.results
import prefect.utilities.engine
from prefect import Flow
from prefect._flow_run_suspension import FlowRunSuspensionRequest, observe_flow_run_suspension
from prefect._internal import control_listener
from prefect.client.schemas.actions import FlowRunUpdate, LogCreate
from prefect.client.schemas.objects import BlockDocument, ConcurrencyLeaseHolder, FlowRun
from prefect.context import AsyncClientContext, FlowRunContext
from prefect.engine import _drive_run_flow_result, handle_engine_signals
from prefect.events import Event
from prefect.events.related import RESOURCE_CACHE
from prefect.exceptions import TerminationSignal, UnfinishedRun
from prefect.flow_engine import run_flow
from prefect.flows import load_flow_from_entrypoint, load_flow_from_flow_run
from prefect.logging.configuration import setup_logging
from prefect.logging.loggers import flow_run_logger
from prefect.states import Pending
from prefect.types._datetime import now

from leadagent_prefect.agents.http_options import ssl_context
from leadagent_prefect.agents.threads import leave_threads_behind
from leadagent_prefect.embedded.admission import Admission
from leadagent_prefect.engine.control import RunControl, current_control
from leadagent_prefect.engine.steps.task import PLAIN_JSON
from leadagent_prefect.observe.installed import entries
from leadagent_prefect.worker.job import HURRY_SIGNAL, LOST_SIGNAL, Job

#: What runs import late, beside what this module does.
_LATE: Final = (
    "anyio._backends._asyncio",
    "anyio.streams.tls",
    "encodings.idna",
    "leadagent_prefect.agents.ai_agent",
    "leadagent_prefect.agents.http_api",
    "leadagent_prefect.agents.network",
    "leadagent_prefect.agents.mcp.session",
    "leadagent_prefect.agents.mcp_server",
    "leadagent_prefect.api.flow",
    "leadagent_prefect.engine.flow",
    "leadagent_prefect.lead_agent",
    "leadagent_prefect.templates.evaluate",
    "leadagent_prefect.templates.rendering",
    "prefect._internal.observers",
    "prefect.concurrency.services",
    "prefect.deployments.steps.pull",
    "prefect.events.clients",
    "prefect.filesystems",
    "prefect.task_engine",
    "prefect.utilities.visualization",
)
#: What runs speak to Prefect with, and pydantic makes no sooner than it is used: 20 ms a run.
_MODELS: Final = (BlockDocument, ConcurrencyLeaseHolder, Event, FlowRun, FlowRunUpdate, LogCreate)
#: Seconds after which a run listens for its suspension.
_OBSERVED_AFTER = 1.0


def warm() -> None:
    """Imports all that runs import, and makes what each would make; called once, in the fork server."""
    for name in _LATE:
        importlib.import_module(name)
    for model in _MODELS:
        model.model_rebuild()
    ssl_context()
    entries()


def run(job: Job, on_undoing: Callable[[], None]) -> int:
    """The exit code: 0 where Prefect knows what the run came to. For ``on_undoing`` see `RunControl`."""
    admission = Admission(job.api)
    settle(job)
    _spare(job)
    with handle_engine_signals(UUID(job.flow_run_id)):
        _Child(job, admission, on_undoing).run()
    return 0


def settle(job: Job) -> None:
    """The process becomes what it would be had it been started with the job's environment and folder."""
    before = _settings()
    os.environ.clear()
    os.environ.update(job.environment)
    os.chdir(job.folder)
    sys.argv = ["leadagent-run", job.flow_run_id]
    more = job.environment.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:] = [job.folder, *(path for path in more if path and path not in sys.path), *sys.path[1:]]
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # lines of many runs, not parts
    if _settings() != before:
        prefect.context.refresh_global_settings_context()
        setup_logging()


def _settings() -> dict[str, str]:
    """The variables that Prefect's settings are made of."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith("PREFECT_") and not name.startswith("PREFECT__")
    }


def _spare(job: Job) -> None:
    """What Prefect's engine would do and ask for before the run starts, and need not."""
    engine: Any = prefect.flow_engine
    engine.observe_flow_run_suspension = observe_later
    # A client that has never connected gives up at once where its API is away. The worker has, right now.
    clients: Any = prefect.client.base
    for kind in (clients.PrefectHttpxAsyncClient, clients.PrefectHttpxSyncClient):
        kind._has_connected = property(lambda _: True, lambda *_: None)
    know_default_storage(job.default_storage)
    cache: dict[str, Any] = RESOURCE_CACHE
    for one in job.known:  # what the events of the run are related to
        thing = SimpleNamespace(id=one.id, name=one.name, tags=one.tags)
        cache[f"{one.kind}.{one.key}"] = ({"kind": one.kind, "object": thing}, now("UTC"))


def know_default_storage(told: str | None) -> None:
    """`Job.default_storage`: Prefect would make a client of its own to ask for it, in each run."""
    if told is None:
        return
    results: Any = prefect.results
    block = UUID(told) if told else None

    async def known() -> UUID | None:
        return block

    results._read_server_default_result_storage_block_id = lambda: block
    results._aread_server_default_result_storage_block_id = known


@contextlib.contextmanager
def observe_later(
    flow_run_id: UUID, suspension_request: FlowRunSuspensionRequest, polling_interval: float = 10
) -> Iterator[None]:
    """Prefect's own, once the run has gone on for a moment: it holds up the start by a fifth of it.

    Nothing is missed: the observer begins with the state of the run as it is then.
    """
    over = threading.Event()

    def observe() -> None:
        if not over.wait(_OBSERVED_AFTER):
            with observe_flow_run_suspension(flow_run_id, suspension_request, polling_interval):
                over.wait()

    thread = threading.Thread(target=contextvars.copy_context().run, args=(observe,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=2)


def unless_cancelled(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Says what the loop says of an exception. Of that by which Prefect ends a run that is cancelled as it
    begins, the run's state has told.
    """
    if not isinstance(context.get("exception"), TerminationSignal):
        loop.default_exception_handler(context)


class _Child:
    """One run. SIGTERM cancels it: a workflow by its stop token, any other flow by Prefect's own way."""

    def __init__(self, job: Job, admission: Admission, on_undoing: Callable[[], None]) -> None:
        self._code = job.code
        # Pending is what the worker has made it since.
        self._flow_run = FlowRun.model_validate(job.flow_run).model_copy(update={"state": Pending()})
        self._logger: Any = flow_run_logger(self._flow_run)
        self._admission = admission
        self._control = RunControl(started=self._on_started, on_undoing=on_undoing)
        current_control.set(self._control)
        self._cancel_plain_flows()

    def _cancel_plain_flows(self) -> None:
        engine: Any = prefect.utilities.engine
        raise_termination = engine._prefect_sigterm_handler

        def cancel(number: int, frame: FrameType | None) -> None:
            # What Prefect's runner says beforehand over a socket: that this SIGTERM means a cancellation.
            control_listener._set_intent("cancel")
            raise_termination(number, frame)

        engine._prefect_sigterm_handler = cancel

    def run(self) -> None:
        try:
            self._run_plain(asyncio.run(self._load_and_run_async()))
        except UnfinishedRun as error:  # it was cancelled before it had begun, and the worker sees to it
            self._logger.info("Not begun: %s", error)

    async def _load_and_run_async(self) -> Flow[..., Any] | None:
        """One client for all; a flow that can't be awaited is only loaded, and given back."""
        leave_threads_behind()
        asyncio.get_running_loop().set_exception_handler(unless_cancelled)
        async with AsyncClientContext.get_or_create():
            try:
                flow = await self._load()
            except Exception:
                self._logger.exception("The flow can't be loaded")
                raise
            if not flow.isasync or flow.isgenerator:
                return flow
            self._admit(flow)
            await self._run(flow)
            return None

    def _run_plain(self, flow: Flow[..., Any] | None) -> None:
        if flow is not None:
            self._admit(flow)
            _drive_run_flow_result(flow, self._run(flow))

    async def _load(self) -> Flow[..., Any]:
        if self._code is None:
            return await load_flow_from_flow_run(self._flow_run, use_placeholder_flow=False)
        folder, entrypoint = self._code
        os.chdir(folder)
        # In a thread, as Prefect does it: a module may run a loop of its own while it is imported.
        return await asyncio.to_thread(load_flow_from_entrypoint, entrypoint, use_placeholder_flow=False)

    def _run(self, flow: Flow[..., Any]) -> Any:
        return run_flow(flow, self._flow_run, error_logger=self._logger)

    def _admit(self, flow: Flow[..., Any]) -> None:
        """Waits for this run's turn to start; the next one's comes when this one is Running."""
        if flow.result_serializer is not PLAIN_JSON:  # no workflow of ours: nothing calls `_on_started`
            signal.signal(LOST_SIGNAL, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
            flow.on_running_hooks.append(lambda *_: self._admission.close())
        self._admission.enter()

    def _on_started(self) -> None:
        self._admission.close()
        context = FlowRunContext.get()
        if context is not None and context.flow_run is not None and context.flow_run.id == self._flow_run.id:
            for number in (signal.SIGTERM, HURRY_SIGNAL):
                signal.signal(number, self._stop)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._control.token.request("cancelled", "the run was cancelled")
