"""A project of its own for each test, on the Prefect server of the session."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from outside import uncounted
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.responses import DeploymentResponse

from leadagent_prefect.cli import main
from leadagent_prefect.embedded import PrefectApi, client_environment, use_api


@dataclass
class Done:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str


class Project:
    """A folder with workflows, and what Prefect has of it. Workflows have names of the test's own."""

    def __init__(self, folder: Path, api: PrefectApi, client: SyncPrefectClient, run: Callable[..., Done]):
        self.folder, self.api, self.client, self.leadagent = folder, api, client, run
        self.name = f"flow-{folder.parent.name}"

    @property
    def file(self) -> Path:
        return self.folder / "prefect.yaml"

    def write(self, **keys: Any) -> str:
        """A workflow of one task in a file, which is named."""
        agents = [{"name": "a", "type": "http_api", "endpoint": "http://127.0.0.1:9"}]
        tasks = [{"name": "t", "agent_name": "a", "action": "GET"}]
        workflow = {"name": self.name, "agents": agents, "tasks": tasks, **keys}
        path = self.folder / "workflow.json"
        path.write_text(json.dumps(workflow))
        return path.name

    def prefect(self, *arguments: str) -> Done:
        """Prefect's own command."""
        environment = {**uncounted(), **client_environment(self.api)}
        command = [sys.executable, "-m", "prefect", "--no-prompt", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        return Done(done.returncode, done.stdout, done.stderr)

    def deployed(self) -> DeploymentResponse:
        return self.client.read_deployment_by_name(f"{self.name}/{self.name}")

    def schedules(self) -> list[tuple[Any, ...]]:
        found = self.deployed().schedules
        return sorted(((s.slug, s.active, s.parameters, _when(s.schedule)) for s in found), key=str)


def _when(schedule: Any) -> str:
    kinds = (getattr(schedule, kind, None) for kind in ("cron", "interval", "rrule"))
    return f"{next(filter(None, kinds))} {schedule.timezone}"


@pytest.fixture
def project(
    tmp_path: Path,
    prefect_api: PrefectApi,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Project]:
    folder = tmp_path / "a project"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def run(*arguments: str) -> Done:
        capsys.readouterr()
        code = main(list(arguments))
        return Done(code, *capsys.readouterr())

    with use_api(prefect_api), get_client(sync_client=True) as client:
        yield Project(folder, prefect_api, client, run)
