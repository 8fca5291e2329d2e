"""What a run keeps of itself, so that it can be taken up again: its workflow's text, and its inputs.

The record lies beside the results, under ``leadagent-runs/<flow_run_id>.json``; it is written before the
first call. Credentials are masked in it as anywhere: a run whose text or inputs hold one can be taken up only
where they are given once more.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import leadagent_prefect
from leadagent_prefect.engine.store.generations import FOLDER
from leadagent_prefect.engine.store.plain import storage
from leadagent_prefect.errors import ConfigurationError
from leadagent_prefect.loader import Loaded
from leadagent_prefect.plan import Plan
from leadagent_prefect.redaction import Redactor

if TYPE_CHECKING:
    from leadagent_prefect.engine.run import Run


#: Another form of the records gets another number.
_FORM = 1


@dataclass(frozen=True)
class Source:
    """A workflow as it was read. ``file`` is its absolute path, None for a text or a dict; ``base`` the
    folder that files in it are relative to; ``parts`` are the texts of its sub-workflows, as `load` takes
    them.
    """

    text: str
    file: str | None = None
    base: str | None = None
    parts: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Of all its text: the SHA-256, in hexadecimal."""
        return hashlib.sha256(json.dumps([self.text, sorted(self.parts.items())]).encode()).hexdigest()

    def masked(self, redactor: Redactor) -> Source:
        parts = {name: redactor.text(text) for name, text in self.parts.items()}
        return Source(redactor.text(self.text), self.file, self.base, parts)


@dataclass(frozen=True)
class RunRecord:
    """``digest`` is that of the text as it was, before anything in it was masked; ``masked`` are the names of
    the inputs in which something was. ``scope`` is whose results it may reuse
    (`RunControl`). ``started_at`` is the time of the first start.
    """

    workflow: str
    source: Source
    digest: str
    inputs: Mapping[str, Any]
    masked: tuple[str, ...]
    use_cache: bool
    scope: str
    run_name: str
    started_at: str
    leadagent: str = leadagent_prefect.__version__
    form: int = _FORM

    @property
    def lacks_text(self) -> bool:
        """The workflow's text holds a credential, and so is not kept as it was."""
        return self.source.digest != self.digest


def source_of(loaded: Loaded) -> Source:
    document = loaded.document
    parts = {name: part.document.text for name, part in loaded.files.items()}
    base = str(document.base) if document.base is not None else None
    # A dict or a text may have a folder too, for the classes of its agents.
    is_file = base is not None and not document.filename.startswith("<")
    file = str(Path(base or "", Path(document.filename).name)) if is_file else None
    return Source(document.text, file, base, parts)


def _source(plan: Plan) -> Source:
    if plan.loaded is not None:
        return source_of(plan.loaded)
    return Source(plan.workflow.model_dump_json(by_alias=True, exclude_unset=True))


async def take_up(run: Run) -> None:
    """Keeps the record of a run. One that was executed before goes on from what it has left.

    Raises `ConfigurationError` where its workflow is another one by now, unless the run's control allows it.
    """
    source = _source(run.plan)
    before = await read_record(run.run_id)
    if before is None:
        await _write(run, source, run.started_at.isoformat())
        return
    run.generations.is_again = True
    run.run_name, run.first_started_at = before.run_name, datetime.fromisoformat(before.started_at)
    if before.digest == source.digest:
        return
    if not run.control.takes_changes:
        raise ConfigurationError(
            "the workflow was changed after this run had begun: start a new run, or take this one up with "
            f"`leadagent resume {run.run_id}`"
        )
    await _write(run, source, before.started_at)


async def _write(run: Run, source: Source, started_at: str) -> None:
    inputs = run.redactor.data(run.ready.inputs)
    record = RunRecord(
        workflow=run.plan.name,
        # A run of somebody else's workflow goes on only where it was taken on: its limits are not in here.
        source=source.masked(run.redactor) if not run.control.scope else Source(""),
        digest=source.digest,
        inputs=inputs,
        masked=tuple(name for name, value in run.ready.inputs.items() if inputs[name] != value),
        use_cache=run.control.use_cache,
        scope=run.control.scope,
        run_name=run.run_name,
        started_at=started_at,
    )
    await (await storage()).write_path(_place(run.run_id), json.dumps(asdict(record)).encode())


async def read_record(run_id: str) -> RunRecord | None:
    """None where there is none; `ConfigurationError` for one that can't be read."""
    try:
        content = await (await storage()).read_path(_place(run_id))
    except Exception:  # noqa: BLE001  # each storage says in its own way that there is none
        return None
    try:
        data = json.loads(content)
        if data["form"] == _FORM:
            return RunRecord(**{**data, "source": Source(**data["source"])})
    except (ValueError, KeyError, TypeError):
        data = {}
    by = data.get("leadagent", "another version")
    raise ConfigurationError(f"what run {run_id} has kept of itself can't be read: leadagent {by} wrote it")


def _place(run_id: str) -> str:
    return f"{FOLDER}/{run_id}.json"
