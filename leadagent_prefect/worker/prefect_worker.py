"""The worker type ``leadagent``: Prefect's own worker, quicker to learn of a run and to start it."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import time
from collections.abc import Callable
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

import anyio
import httpx
from prefect.client.schemas.filters import FlowRunFilter
from prefect.settings import PREFECT_API_URL, PREFECT_WORKER_QUERY_SECONDS, get_current_settings
from prefect.workers.base import BaseWorker, BaseWorkerResult

from leadagent_prefect.embedded import status
from leadagent_prefect.engine.process.liveness import Process
from leadagent_prefect.worker.asking import asking_for, parted
from leadagent_prefect.worker.configuration import JobConfiguration
from leadagent_prefect.worker.drain import Drain, on_signals
from leadagent_prefect.worker.launcher import Launcher
from leadagent_prefect.worker.listener import listen
from leadagent_prefect.worker.owner import Owner, signing
from leadagent_prefect.worker.patience import drain_seconds
from leadagent_prefect.worker.remembered import remembered
from leadagent_prefect.worker.runs import Ending, Runs
from leadagent_prefect.worker.sparing import default_storage, sparing
from leadagent_prefect.worker.takeover import TakeOver, keep_looking
from leadagent_prefect.worker.tls import quick_tls

if TYPE_CHECKING:
    from anyio.abc import TaskStatus
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.responses import WorkerFlowRunResponse

#: Seconds until a run that could not be taken yet is asked for again.
_AGAIN_SECONDS = 0.3
#: Seconds between two polls while more runs wait than the worker has room for.
_REST_SECONDS = 0.3


class Result(BaseWorkerResult):
    """How the process of a run ended: a status other than 0 makes the run Crashed."""


class LeadAgentWorker(BaseWorker[JobConfiguration, Any, Result]):
    """Runs deployed flows in forks of a process that has imported everything already.

    ``drain_seconds`` is how long runs may go on once the worker is told to stop; all else is Prefect's.
    """

    type = "leadagent"
    job_configuration = JobConfiguration
    _display_name = "leadagent"
    _description = "Runs flows in forks of a warm process: at once, and each in a process of its own."

    def __init__(self, *args: Any, drain: float | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Runs that are due later are looked at ahead, so that none has to wait for the poll after it is due.
        self._prefetch_seconds = max(self._prefetch_seconds, 2 * PREFECT_WORKER_QUERY_SECONDS.value())
        self._polling, self._proposing, self._woken = asyncio.Lock(), asyncio.Lock(), asyncio.Event()
        self._listening = self._stopping = False
        self._say: Callable[..., None] = print
        self._launcher = Launcher()
        self._runs = Runs(self._launcher)
        #: Those that hold a place of this worker, from their start until all is told of their end.
        self._held: set[UUID] = set()
        #: Of these, those that Prefect has told to be in a final state.
        self._ended: set[UUID] = set()
        #: How many of them were due again when it last asked.
        self._in_the_way, self._asked_for, self._next_poll = 0, math.inf, 0.0
        self._drain = Drain(self._runs, drain_seconds() if drain is None else drain, self._print)

    @classmethod
    def get_default_base_job_template(cls) -> dict[str, Any]:
        return cls.job_configuration.template()

    async def start(
        self, run_once: bool = False, with_healthcheck: bool = False, printer: Callable[..., None] = print
    ) -> None:
        """Works until SIGTERM or SIGINT, then drains; a second signal cancels what runs, a third kills it."""
        self._say = printer
        working = asyncio.ensure_future(super().start(run_once, with_healthcheck, printer))
        stopping = False

        def stop() -> None:
            nonlocal stopping
            if stopping:
                self._drain.hurry()
            else:
                stopping = working.cancel()

        with on_signals(stop):
            try:
                await working
            except asyncio.CancelledError:
                if not stopping:
                    raise
                printer(f"Worker {self.name!r} stopped!")

    async def setup(self) -> None:
        os.environ.update(self._exit_stack.enter_context(quick_tls(PREFECT_API_URL.value())))
        self._embedded = (await asyncio.to_thread(status)).url == PREFECT_API_URL.value()
        await super().setup()
        client: Any = self.client
        client.read_deployment = remembered(client.read_deployment, 2.0)
        client.read_flow = remembered(client.read_flow, 300.0)
        client.get_scheduled_flow_runs_for_work_pool = asking_for(client, self._room)
        me = Owner(self.name, Process.current())
        client.update_flow_run = sparing(client.update_flow_run, self._runs)
        self._storage = partial(remembered(default_storage, 60.0), client)
        client.set_flow_run_state = signing(client.set_flow_run_state, me)
        os.environ.update(await self._learned(client))
        settings = get_current_settings().to_environment_variables(exclude_unset=True)
        self._launcher.open({**os.environ, **settings})
        assert self._runs_task_group is not None  # made by Prefect's own setup
        self._runs_task_group.start_soon(self._follow)
        self._taking_over = TakeOver(client, self._work_pool_name, me, self._runs, self._logger)
        self._runs_task_group.start_soon(keep_looking, self._taking_over, lambda: self._stopping)

    async def _learned(self, client: Any) -> dict[str, str]:
        """What a run need not ask its API for, as this worker has done so."""
        learned = {"PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false"}
        with contextlib.suppress(httpx.HTTPError):
            await client.read_flow_runs(limit=1)  # a POST: whoever makes one looks for CSRF tokens first
            if not client._client.enable_csrf_support:
                learned["PREFECT_CLIENT_CSRF_SUPPORT_ENABLED"] = "false"
        return learned

    async def teardown(self, *exc_info: Any) -> None:
        self._stopping = True
        try:
            with anyio.CancelScope(shield=True):
                await self._drain.finish()
            await super().teardown(*exc_info)
        finally:
            with anyio.CancelScope(shield=True):
                await self._launcher.close()

    async def _setup_cancellation_observer(self) -> None:
        """In place of Prefect's, which hears of pending runs alone, and of nothing once its line is lost."""
        if self._listening or self._work_pool is None:
            return
        self._listening = True
        assert self._runs_task_group is not None  # there is a work pool, so the worker is set up
        self._runs_task_group.start_soon(
            partial(
                listen,
                self._work_pool.id,
                wake=self._woken.set,
                ended=self._heard_of_an_end,
                cancel=lambda run: self._runs.cancel(str(run)),
                logger=self._logger,
            )
        )

    def _heard_of_an_end(self, run: UUID) -> None:
        """Its own run gives its slot back with its process; another's may have held something up."""
        if run in self._held:
            self._ended.add(run)
        else:
            self._woken.set()

    async def _follow(self) -> None:
        """Polls as soon as there may be something; Prefect's own polling goes on beside it."""
        while True:
            await self._woken.wait()
            await asyncio.sleep(self._next_poll - time.monotonic())
            self._woken.clear()
            try:
                await self._take()
            except httpx.HTTPError as error:
                self._logger.debug("Asking for runs failed: %s", error)

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        taken = await self._take()
        await self._look_for_cancelled()
        return taken

    async def _take(self) -> list[FlowRun]:
        # With no slot free nothing could be taken, and hundreds of waiting runs are a long answer; the slot
        # that is given back wakes this worker.
        if self._stopping or (self._limiter is not None and self._limiter.available_tokens < 1):
            return []
        async with self._polling:  # an answer that has been overtaken would have runs in it that run already
            return await super().get_and_submit_flow_runs()

    def _print(self, text: str) -> None:
        self._say(text)

    async def _look_for_cancelled(self) -> None:
        """For cancellations that no event told of."""
        if not self._runs.ids:
            return
        wanted = {"id": {"any_": self._runs.ids}, "state": {"type": {"any_": ["CANCELLING"]}}}
        for run in await self.client.read_flow_runs(flow_run_filter=FlowRunFilter.model_validate(wanted)):
            self._runs.cancel(str(run.id))

    async def _get_scheduled_flow_runs(self) -> list[WorkerFlowRunResponse]:
        """Those that are due. The others are asked for again when the first of them is."""
        due, wait = parted(await super()._get_scheduled_flow_runs(), datetime.now(timezone.utc))
        if wait is not None:
            asyncio.get_running_loop().call_later(wait, self._woken.set)
        if len(due) >= self._asked_for:  # more wait, and there is no hurry: others run
            self._next_poll = time.monotonic() + _REST_SECONDS
        free = [entry for entry in due if not self._has_still(entry.flow_run)]
        self._in_the_way = len(due) - len(free)
        again = [one.flow_run.id for one in free if one.flow_run.run_count]
        if self._submitting_flow_run_ids.intersection(again):  # it ended a moment ago
            asyncio.get_running_loop().call_later(_AGAIN_SECONDS, self._woken.set)
        return free

    def _room(self) -> float:
        """How many runs to ask for: of those that are taken some may be in the answer still."""
        free = self._limiter.available_tokens if self._limiter is not None else math.inf
        self._asked_for = free + len(self._submitting_flow_run_ids) + self._in_the_way
        return self._asked_for

    def _has_still(self, flow_run: FlowRun) -> bool:
        """It may be due again, resumed or taken from this worker, before its process here has ended."""
        if flow_run.id not in self._held:
            return False
        self._taking_over.drop_if_taken(flow_run)
        return True  # the place that it gives back wakes this worker

    async def _submit_run(self, flow_run: FlowRun) -> None:
        with self._drain.busy():
            await super()._submit_run(flow_run)

    async def _submit_run_and_capture_errors(
        self, flow_run: FlowRun, task_status: TaskStatus[int | Exception] | None = None
    ) -> BaseWorkerResult | Exception:
        self._held.add(flow_run.id)
        with self._drain.busy():
            return await super()._submit_run_and_capture_errors(flow_run, task_status)

    def _release_limit_slot(self, flow_run_id: UUID) -> None:
        super()._release_limit_slot(flow_run_id)
        self._held.discard(flow_run_id)
        self._ended.discard(flow_run_id)
        self._woken.set()

    async def run(
        self,
        flow_run: FlowRun,
        configuration: JobConfiguration,
        task_status: TaskStatus[int] | None = None,
    ) -> Result:
        """From the fork to the end of its process, and what Prefect has to be told of it."""
        pid = 0

        async def under_way(number: int, goes_on: bool) -> None:
            nonlocal pid
            pid = number
            (task_status or anyio.TASK_STATUS_IGNORED).started(pid)
            if goes_on:
                with contextlib.suppress(httpx.HTTPError):  # the run goes on without them
                    await super(LeadAgentWorker, self)._give_worker_labels_to_flow_run(flow_run.id)

        with configuration.folder() as folder:
            facts = {"embedded": self._embedded, "default_storage": await self._storage()}
            job = configuration.job(flow_run, self.work_pool, folder, **facts)
            ending = await self._runs.run(job, under_way)
        return Result(identifier=str(pid), status_code=await self._conclude(flow_run, ending))

    async def _give_worker_labels_to_flow_run(self, flow_run_id: UUID) -> None:
        """`run` does it, later."""

    async def _propose_pending_state(self, flow_run: FlowRun) -> bool:
        # SQLite would answer most of many at once with "locked", and Prefect's client then waits for seconds.
        async with self._proposing if self._embedded else contextlib.nullcontext():
            return await super()._propose_pending_state(flow_run)

    async def _propose_submitting_state(self, flow_run: FlowRun) -> None:
        """The run is Running before anybody could read that it is being submitted."""

    async def _conclude(self, flow_run: FlowRun, ending: Ending) -> int:
        """Sees to it that a run without a process does not stay as if it had one.

        The status is 0 but for one that ended by itself, otherwise than well, and said nothing of it.
        """
        if ending.dropped or (ending.code == 0 and flow_run.id in self._ended):
            return 0
        state = (await self.client.read_flow_run(flow_run.id)).state
        if state is None or state.is_final():
            return 0
        if ending.cancelled or state.is_cancelling():
            await self._mark_flow_run_as_cancelled(flow_run, {"message": "The run was cancelled."})
            return 0
        if ending.code == 0 and (state.is_running() or state.is_pending()):
            await self._propose_crashed_state(
                flow_run, "The process of the run ended with status 0, before the run itself had ended."
            )
        return ending.code
