"""The facade: a workflow file or dict in, a `WorkflowResult` out."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leadagent_prefect.agents.registry import make_importable
from leadagent_prefect.embedded import ensure_api, set_client_defaults
from leadagent_prefect.inputs import check_inputs
from leadagent_prefect.loader import Loaded, load
from leadagent_prefect.models import AgentType
from leadagent_prefect.observe.dispatch import AnyObserver, Dispatcher
from leadagent_prefect.observe.installed import installed_observers
from leadagent_prefect.plan import plan_of
from leadagent_prefect.results import WorkflowResult

if TYPE_CHECKING:
    from prefect import Flow
    from prefect.client.schemas.objects import FlowRun

    from leadagent_prefect.engine.control import RunControl
    from leadagent_prefect.runs.resume import Resumption

#: A file's path, a workflow as plain data, or what `leadagent_prefect.loader.load` gave.
Source = str | Path | Mapping[str, Any] | Loaded


class RunHandle:
    """A run that goes on in a thread of its own. Every method may be called from any thread."""

    def __init__(self, future: concurrent.futures.Future[WorkflowResult], control: RunControl) -> None:
        self.future, self._control = future, control

    def result(self, timeout: float | None = None) -> WorkflowResult:
        """Waits for the end; raises what the run raised, or ``TimeoutError`` after ``timeout`` seconds."""
        return self.future.result(timeout)

    def done(self) -> bool:
        return self.future.done()

    def is_undoing(self) -> bool:
        """Whether the run undoes what it did, or runs its ``on_failure`` or ``finally``."""
        return self._control.is_undoing

    def cancel(self, reason: str = "the run was cancelled") -> None:
        """Asks the run to end as cancelled: calls under way are cut short, nothing more starts, what has
        completed is undone where it can be. Cancelling once more ends that too.
        """
        self._control.token.request("cancelled", reason)


class LeadAgent:
    """Runs workflows on the configured Prefect API, or on an embedded server that it starts by itself.

    ``observers`` see every event of every run, as do those of the entry points in the group
    ``leadagent_prefect.observers``. ``say`` is told what is being waited for: the first start
    of the embedded server takes a while. Without ``cache`` no result of an earlier run is reused and none is
    kept for later ones, whatever the tasks say. A failed workflow is a result; a bad file or bad inputs raise
    `ConfigurationError`, a Prefect API that can't be reached or started `PrefectUnavailable`.
    """

    def __init__(
        self,
        observers: Iterable[AnyObserver] = (),
        *,
        say: Callable[[str], None] | None = None,
        cache: bool = True,
    ) -> None:
        self.observers: list[AnyObserver] = [*observers]
        self._say = say or (lambda line: None)
        self._cache = cache

    def attach(self, observer: AnyObserver) -> None:
        """Adds an observer: it sees the runs that start from now on."""
        self.observers.append(observer)

    async def execute_workflow_from_file(
        self, path: str | Path, inputs: Mapping[str, Any] | None = None
    ) -> WorkflowResult:
        """Runs the workflow file at ``path``. Cancelling the await cancels the run."""
        return await self._execute(Path(path), inputs)

    async def execute_workflow_from_dict(
        self, config: Mapping[str, Any], inputs: Mapping[str, Any] | None = None
    ) -> WorkflowResult:
        """Runs a workflow given as plain data. Cancelling the await cancels the run."""
        return await self._execute(config, inputs)

    def execute_workflow_from_file_sync(
        self, path: str | Path, inputs: Mapping[str, Any] | None = None
    ) -> WorkflowResult:
        """`execute_workflow_from_file` for code without an event loop."""
        _refuse_running_loop("execute_workflow_from_file")
        return asyncio.run(self.execute_workflow_from_file(path, inputs))

    def execute_workflow_from_dict_sync(
        self, config: Mapping[str, Any], inputs: Mapping[str, Any] | None = None
    ) -> WorkflowResult:
        """`execute_workflow_from_dict` for code without an event loop."""
        _refuse_running_loop("execute_workflow_from_dict")
        return asyncio.run(self.execute_workflow_from_dict(config, inputs))

    def build_flow(self, source: Source) -> Flow[..., Any]:
        """The workflow as a Prefect flow: to be called with its inputs, served or deployed.

        It is loaded from a file that is written for it below ``PREFECT_HOME``. Raises `ConfigurationError`
        for a bad file.
        """
        loaded = _load(source)
        set_client_defaults()
        from leadagent_prefect.engine.deployable import flow_of

        return flow_of(loaded)

    def start(
        self,
        source: Source,
        inputs: Mapping[str, Any] | None = None,
        *,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> RunHandle:
        """Starts a run and comes back; async observers run on ``loop`` where one is given.

        Blocks while the file is read and, the first time, while the embedded server starts.
        """
        plan = plan_of(_load(source))
        given = check_inputs(plan.workflow, inputs or {})
        api = ensure_api(self._say)
        set_client_defaults()
        from leadagent_prefect.engine.control import RunControl

        dispatcher = Dispatcher([*self.observers, *installed_observers()], self, loop)
        control = RunControl(notify=dispatcher, use_cache=self._cache)
        from leadagent_prefect.engine.runner import run_in_thread

        return RunHandle(run_in_thread(plan, given, control, api, dispatcher.close), control)

    async def resume(
        self, run_id: str, *, force: bool = False, from_task: str | None = None
    ) -> WorkflowResult:
        """Takes up a run that failed, crashed or was cancelled: what has completed is not called again.

        ``run_id`` is its id, the beginning of that, or its name. `ConfigurationError` says why it can't be:
        its process lives, or its file was changed since (with ``force`` it goes on with what that says now).
        With ``from_task`` that task and all that depend on it run again. Cancelling the await cancels the
        run.
        """
        loop = asyncio.get_running_loop()
        return await self._wait(
            lambda: self.take_up(self.find(run_id, force=force, from_task=from_task), loop=loop)
        )

    def resume_sync(
        self, run_id: str, *, force: bool = False, from_task: str | None = None
    ) -> WorkflowResult:
        """`resume` for code without an event loop."""
        _refuse_running_loop("resume")
        return asyncio.run(self.resume(run_id, force=force, from_task=from_task))

    def find(self, run_id: str, *, force: bool = False, from_task: str | None = None) -> Resumption:
        """The run that `take_up` is to take up. Blocks, as `start` does."""
        api = ensure_api(self._say)
        set_client_defaults()
        from leadagent_prefect.runs import ask
        from leadagent_prefect.runs.resume import resumption

        return ask(api, lambda client: resumption(client, run_id, force=force, from_task=from_task))

    def take_up(self, found: Resumption, *, loop: asyncio.AbstractEventLoop | None = None) -> RunHandle:
        """Starts a run again, and comes back; see `start`."""
        api = ensure_api(self._say)
        from prefect import get_client

        from leadagent_prefect.engine.control import RunControl
        from leadagent_prefect.engine.runner import run_in_thread
        from leadagent_prefect.runs.resume import make_ready

        async def take() -> FlowRun:
            async with get_client() as client:
                return await make_ready(client, found)

        dispatcher = Dispatcher([*self.observers, *installed_observers()], self, loop)
        control = RunControl(
            notify=dispatcher,
            use_cache=found.record.use_cache,
            scope=found.record.scope,
            take=take,
            takes_changes=found.is_changed,
            from_task=found.from_task,
        )
        plan = plan_of(_load(found.loaded))
        return RunHandle(run_in_thread(plan, found.inputs, control, api, dispatcher.close), control)

    async def _execute(self, source: Source, inputs: Mapping[str, Any] | None) -> WorkflowResult:
        loop = asyncio.get_running_loop()
        return await self._wait(lambda: self.start(source, inputs, loop=loop))

    async def _wait(self, start: Callable[[], RunHandle]) -> WorkflowResult:
        starting = asyncio.ensure_future(asyncio.to_thread(start))
        try:
            handle = await asyncio.shield(starting)
            return await asyncio.shield(asyncio.wrap_future(handle.future))
        except asyncio.CancelledError:
            await _cancel(starting)
            raise


def _refuse_running_loop(method: str) -> None:
    """The loop of a notebook, say, would stand still while the run goes on: it is to be awaited there."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError(
        f"{method}_sync is for code without an event loop, and one is running here (as in a notebook or an "
        f"async function): write `await agent.{method}(...)`"
    )


async def _cancel(starting: asyncio.Future[RunHandle]) -> None:
    """Ends the run whose await was cancelled, at whatever point it is."""
    await asyncio.wait({starting})
    if starting.exception() is None:
        handle = starting.result()
        ended = asyncio.wrap_future(handle.future)
        handle.cancel()
        try:
            await asyncio.wait({ended})
        except asyncio.CancelledError:  # once more
            handle.cancel()
            await asyncio.wait({ended})


def _load(source: Source) -> Loaded:
    if isinstance(source, Mapping):
        # Its sub-workflows are found as those of a program's files are.
        source = load(source, base=Path.cwd())
    elif not isinstance(source, Loaded):
        source = load(Path(source))
    for one in (source, *source.files.values()):  # the classes of each stand beside its own file
        if any(agent.type == AgentType.CUSTOM for agent in one.workflow.agents):
            make_importable(one.document.base)
    return source


async def main() -> None:
    """``python -m leadagent_prefect.lead_agent FILE``: the same as ``leadagent run FILE``."""
    import sys

    from leadagent_prefect.cli import main as command

    # Called in the main thread, which alone gets signals; the run itself has a thread of its own.
    raise SystemExit(command(["run", *sys.argv[1:]]))


if __name__ == "__main__":
    asyncio.run(main())
