"""Entries of prefect.yaml -> deployments on the Prefect API, by Prefect's own command."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import DeploymentFilter, FlowFilter
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from leadagent_prefect.embedded import PrefectApi, client_environment
from leadagent_prefect.errors import LeadAgentError, PrefectUnavailable
from leadagent_prefect.redaction import Redactor
from leadagent_prefect.worker import LeadAgentWorker

#: Characters of Prefect's output that are shown where it fails: the end says why.
_SHOWN = 4000


@dataclass(frozen=True)
class Deployed:
    """A deployment as the Prefect API has it. ``name`` is ``FLOW/DEPLOYMENT``."""

    name: str
    id: str
    version: str | None
    work_pool: str | None
    ui_url: str


def deploy(
    api: PrefectApi, text: str, entrypoints: Sequence[str], say: Callable[[str], None]
) -> list[Deployed]:
    """Deploys the entries of ``entrypoints`` in ``text``, which is prefect.yaml of the working folder.

    To be called within ``use_api(api)``. Raises `LeadAgentError` with what Prefect said where it refuses,
    `PrefectUnavailable` where it does not answer.
    """
    document = yaml.safe_load(text)
    entries = [entry for entry in document["deployments"] if entry.get("entrypoint") in entrypoints]
    try:
        _prepare(entries, say)
        _run_prefect(api, {**document, "deployments": entries})
        return _read(api, entries)
    except (httpx.HTTPError, RuntimeError) as error:
        raise PrefectUnavailable(
            f"the Prefect API at {api.url} does not answer as it should: {error}"
        ) from error


def _prepare(entries: Sequence[Mapping[str, Any]], say: Callable[[str], None]) -> None:
    with get_client(sync_client=True) as client:
        pools = [(entry.get("work_pool") or {}).get("name") for entry in entries]
        for pool in dict.fromkeys(pools):
            if isinstance(pool, str) and "{{" not in pool:
                _ensure_pool(client, pool, say)
        for entry in entries:
            _drop_gone_schedules(client, entry)


def _ensure_pool(client: SyncPrefectClient, name: str, say: Callable[[str], None]) -> None:
    try:
        client.read_work_pool(name)
    except ObjectNotFound:
        template = LeadAgentWorker.get_default_base_job_template()
        pool = WorkPoolCreate(name=name, type=LeadAgentWorker.type, base_job_template=template)
        with contextlib.suppress(ObjectAlreadyExists):  # a worker that started meanwhile was quicker
            client.create_work_pool(pool)
            say(f'Made the work pool "{name}"; for its runs to start: leadagent worker --pool {name}')


def _drop_gone_schedules(client: SyncPrefectClient, entry: Mapping[str, Any]) -> None:
    """What ``prefect deploy`` leaves on the server: the last schedule, and any with a slug.

    It also fails where every schedule there has a slug and one here has none: those are then made anew.
    """
    found = _find(client, entry)
    if found is None:
        return
    slugs = [schedule.get("slug") for schedule in entry["schedules"]]
    gone = [one for one in found.schedules if not slugs or (one.slug and one.slug not in slugs)]
    rest = [one for one in found.schedules if one not in gone]
    if all(one.slug for one in rest) and not all(slugs):
        gone = found.schedules
    for schedule in gone:
        client.delete_deployment_schedule(found.id, schedule.id)


def _run_prefect(api: PrefectApi, document: Mapping[str, Any]) -> None:
    """``prefect deploy`` of a file with these entries alone: as an argument a name would be a pattern."""
    environment = {**os.environ, **client_environment(api), "COLUMNS": "200", "NO_COLOR": "1"}
    # Of a single entry it would take the place of the work pool that the entry names.
    environment["PREFECT_DEPLOYMENTS_DEFAULT_WORK_POOL_NAME"] = environment[
        "PREFECT_DEFAULT_WORK_POOL_NAME"
    ] = ""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "prefect.yaml")
        file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "prefect",
            "--no-prompt",
            "deploy",
            "--all",
            "--prefect-file",
            str(file),
        ]
        done = subprocess.run(  # noqa: S603 - this Python, and no argument from outside
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    if done.returncode:
        raise LeadAgentError(f"prefect deploy failed:\n{_without_secrets(api, done.stdout)}")


def _without_secrets(api: PrefectApi, output: str) -> str:
    auth = api.auth_string or ""
    redactor = Redactor([os.environ.get("PREFECT_API_KEY", ""), auth, auth.partition(":")[2]])
    return redactor.text(_without_tracebacks(output)).strip()[-_SHOWN:]


def _without_tracebacks(output: str) -> str:
    """Of a traceback only its last line, which says what went wrong."""
    kept, inside = [], False
    for line in output.splitlines():
        inside = line.startswith("Traceback (") or (inside and (line.startswith(" ") or not line))
        if not inside:
            kept.append(line)
    return "\n".join(kept)


def _read(api: PrefectApi, entries: Sequence[Mapping[str, Any]]) -> list[Deployed]:
    with get_client(sync_client=True) as client:
        found = [(entry, _find(client, entry)) for entry in entries]
    return [
        Deployed(
            name=f"{entry['name']}/{entry['name']}",
            id=str(one.id),
            version=one.version,
            work_pool=one.work_pool_name,
            ui_url=f"{api.ui_url}/deployments/deployment/{one.id}",
        )
        for entry, one in found
        if one is not None
    ]


def _find(client: SyncPrefectClient, entry: Mapping[str, Any]) -> DeploymentResponse | None:
    """By filters: in the address of ``read_deployment_by_name`` a question mark in a name would end it.

    A workflow's flow and its deployment have one name.
    """
    name = {"name": {"any_": [entry["name"]]}}
    found = client.read_deployments(
        flow_filter=FlowFilter.model_validate(name),
        deployment_filter=DeploymentFilter.model_validate(name),
    )
    return next(iter(found), None)
