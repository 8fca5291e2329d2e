"""Which run is to be taken up again, and whether it may be."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Crashed, Pending

from leadagent_prefect.diagnostics import did_you_mean, quote
from leadagent_prefect.engine.process.liveness import Process, is_dead, labels_of_this_process
from leadagent_prefect.engine.store.record import RunRecord, read_record, source_of
from leadagent_prefect.engine.store.replay import read_undoing
from leadagent_prefect.errors import ConfigurationError
from leadagent_prefect.inputs import check_inputs
from leadagent_prefect.loader import Loaded, load
from leadagent_prefect.naming import OWNER_TAG
from leadagent_prefect.plan import Plan, plan_of
from leadagent_prefect.runs.find import find_run

_MOST_LINES: Final = 40


@dataclass(frozen=True)
class Resumption:
    """A run that may be taken up: with which workflow, and which inputs. ``is_changed``: it is another
    workflow by now; ``undoes``: the end that it was at, where it undoes and runs its last tasks, is finished
    first, and nothing else is done.
    """

    run: FlowRun
    record: RunRecord
    loaded: Loaded
    inputs: Mapping[str, Any]
    from_task: str | None
    is_changed: bool
    undoes: bool

    @property
    def plan(self) -> Plan:
        return plan_of(self.loaded)


async def resumption(
    client: PrefectClient, text: str, *, force: bool = False, from_task: str | None = None
) -> Resumption:
    """That of the run which ``text`` means; `ConfigurationError` says why it can't be taken up.

    A file that was changed since is refused, unless ``force``: then the run goes on with what it says now.
    """
    run = await find_run(client, text)
    record = await _record(run)
    _refuse_living(run)
    if run.state is not None and run.state.is_completed() and from_task is None:
        raise ConfigurationError(
            f"run {run.id} is completed: there is nothing to resume; with --from TASK that task and all that "
            "depend on it run again"
        )
    loaded = _workflow(run, record, force)
    plan = plan_of(loaded)
    undoing, _ = await read_undoing(str(run.id))
    if from_task is not None and from_task not in plan.by_name:
        raise ConfigurationError(
            f"there is no task {quote(from_task)}; {did_you_mean(from_task, plan.by_name)}"
        )
    if from_task is not None and undoing is not None:
        raise ConfigurationError(
            f"run {run.id} was interrupted at its end, while it undid what it had done or ran on_failure and "
            "finally: resume it first without --from, which finishes that"
        )
    return Resumption(
        run=run,
        record=record,
        loaded=loaded,
        inputs=_inputs(plan, record),
        from_task=from_task,
        is_changed=source_of(loaded).digest != record.digest,
        undoes=undoing is not None,
    )


async def make_ready(client: PrefectClient, found: Resumption) -> FlowRun:
    """The flow run, as Prefect lets it be executed again; `ConfigurationError` where somebody was quicker."""
    run = await client.read_flow_run(found.run.id)
    _refuse_living(run)
    state = run.state
    ready: State[Any] | None = None
    if state is None or not state.is_final():
        ready = Crashed(message="The process of the run is gone.")
    elif state.is_completed():  # whose result is kept: Prefect's rules would have it so for ever
        ready = Pending(message=f"To run again from {quote(found.from_task or '')}.")
    if ready is not None:
        await client.set_flow_run_state(run.id, ready, force=True)
    # Before it begins: killed in its first second it is known for dead at once.
    await client.update_flow_run_labels(run.id, labels_of_this_process(run.run_count + 1))
    return await client.read_flow_run(run.id)


def _refuse_living(run: FlowRun) -> None:
    """A run that goes on, waits to be started or is paused is not taken up by anybody else."""
    state = run.state
    if state is None or state.is_final() or is_dead(run):
        return
    if not (state.is_running() or state.is_cancelling()):
        raise ConfigurationError(f"run {run.id} is {(state.name or '').lower()}: it has not ended")
    process = Process.of(run.labels)
    where = f"in process {process.pid} on {process.host}" if process is not None else "in another process"
    raise ConfigurationError(
        f"run {run.id} goes on, {where}: it can be resumed when it has ended; "
        f"`leadagent cancel {run.id}` ends it"
    )


async def _record(run: FlowRun) -> RunRecord:
    if any(tag.startswith(OWNER_TAG) for tag in run.tags):
        raise ConfigurationError(
            f"run {run.id} came over the REST API, and is resumed there, within the limits it was taken on "
            f"with: curl -X POST http://localhost:8000/api/v1/workflows/{run.id}/resume, or wherever that "
            "server listens, with the API key that sent it"
        )
    if run.parent_task_run_id is not None:
        raise ConfigurationError(f"run {run.id} is a part of another one, which is to be resumed")
    record = await read_record(str(run.id))
    if record is None:
        raise ConfigurationError(
            f"run {run.id} has kept nothing that it could be resumed with: it never began, is no workflow's, "
            "or its results are on another machine (`leadagent doctor` says where results are kept)"
        )
    return record


def _workflow(run: FlowRun, record: RunRecord, force: bool) -> Loaded:
    """What the file says, if it is still there, otherwise what the run has kept."""
    source = record.source
    if source.file is not None and Path(source.file).exists():
        loaded = load(Path(source.file))
        if source_of(loaded).digest == record.digest or force:
            return loaded
        raise ConfigurationError(
            f"{source.file} was changed after run {run.id} had begun; with --force the run goes on with what "
            f"the file says now:\n{_difference(record, loaded)}"
        )
    if record.lacks_text:
        raise ConfigurationError(
            f"the workflow of run {run.id} holds a credential, and so its text was not kept; "
            f"{source.file or 'it'} is not there any more: write credentials as {{{{ secrets.NAME }}}}"
        )
    base = Path(source.base) if source.base is not None else None
    name = Path(source.file).name if source.file is not None else None
    is_json = source.file is None or source.file.lower().endswith(".json")
    return load(
        source.text, format="json" if is_json else "yaml", filename=name, base=base, parts=source.parts
    )


def _difference(record: RunRecord, loaded: Loaded) -> str:
    """Short; of a text that holds a credential only that there is one."""
    before, now = record.source, source_of(loaded)
    if record.lacks_text:
        return "  (not shown: the workflow holds a credential)"
    names = sorted({*before.parts, *now.parts})
    parts = [(name, before.parts.get(name, ""), now.parts.get(name, "")) for name in names]
    texts = [("workflow", before.text, now.text), *parts]
    lines: list[str] = []
    for name, old, new in texts:
        titles = f"{name}, as it was", f"{name}, as it is"
        lines += difflib.unified_diff(old.splitlines(), new.splitlines(), *titles, n=1, lineterm="")
    more = [f"... and {len(lines) - _MOST_LINES} more lines"] if len(lines) > _MOST_LINES else []
    return "\n".join(f"  {line}" for line in [*lines[:_MOST_LINES], *more])


def _inputs(plan: Plan, record: RunRecord) -> dict[str, Any]:
    if record.masked:
        raise ConfigurationError(
            f"a secret stood in input {quote(record.masked[0])} of the run, and so was not kept: start a new "
            "run, and write the secret as {{ secrets.NAME }} in the workflow"
        )
    known = plan.workflow.inputs
    return check_inputs(
        plan.workflow, {name: value for name, value in record.inputs.items() if name in known}
    )
