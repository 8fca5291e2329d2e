"""What a work pool of type ``leadagent`` lets be set: the environment and the working folder."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any, Final

from prefect.client.schemas.objects import FlowRun, WorkPool
from prefect.client.schemas.responses import DeploymentResponse
from prefect.settings import PREFECT_API_URL
from prefect.workers.base import BaseJobConfiguration

from leadagent_prefect.worker.job import Job, Known

_VARIABLES: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "env": {
            "title": "Environment variables",
            "description": "Variables set for every run, over those of the worker. Secrets are better kept "
            "in Prefect Secret blocks: what stands here is shown to whoever can see the work pool.",
            "type": "object",
            "additionalProperties": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "default": {},
        },
        "working_dir": {
            "title": "Working folder",
            "description": "The folder a run starts in, on the worker's machine. By default a temporary one "
            "that is removed when the run has ended; a pull step of the deployment may change it.",
            "anyOf": [{"type": "string"}, {"type": "null"}],
            "default": None,
        },
    },
}


class JobConfiguration(BaseJobConfiguration):
    """Of the variables of Prefect's own workers it needs but one; a run has no command."""

    working_dir: Path | None = None

    @classmethod
    def template(cls) -> dict[str, Any]:
        """The base job template of a new work pool."""
        return {
            "job_configuration": {"env": "{{ env }}", "working_dir": "{{ working_dir }}"},
            "variables": _VARIABLES,
        }

    def folder(self) -> contextlib.AbstractContextManager[str]:
        """The folder of the run, as long as it goes on."""
        if self.working_dir is not None:
            return contextlib.nullcontext(str(self.working_dir))
        return tempfile.TemporaryDirectory(prefix="leadagent-run-", ignore_cleanup_errors=True)

    def job(self, flow_run: FlowRun, pool: WorkPool, folder: str, **facts: Any) -> Job:
        """What the process of the run is told; ``facts`` are those of the worker's."""
        set_for_run = {name: value for name, value in self.env.items() if value is not None}
        queue = str(flow_run.work_queue_id)
        known = [
            *self.known,
            Known("work-pool", pool.name, str(pool.id), pool.name),
            Known("work-queue", queue, queue, flow_run.work_queue_name or ""),
        ]
        return Job(
            flow_run=flow_run.model_dump(mode="json"),
            environment={**os.environ, **set_for_run},
            folder=folder,
            api_url=PREFECT_API_URL.value() or "",
            code=self.code,
            known=known,
            **facts,
        )

    @property
    def deployment(self) -> DeploymentResponse | None:
        """That of the run this was prepared for."""
        found: DeploymentResponse | None = self._related_objects.get("deployment")
        return found

    @property
    def known(self) -> list[Known]:
        """The flow and the deployment of the run."""
        flow, deployment = self._related_objects.get("flow"), self.deployment
        found = [Known("flow", str(flow.id), str(flow.id), flow.name)] if flow else []
        if deployment:
            key = str(deployment.id)
            found.append(Known("deployment", key, key, deployment.name, deployment.tags))
        return found

    @property
    def code(self) -> tuple[str, str] | None:
        """Folder and entrypoint, where it takes no more than a change of folder to load the flow.

        Prefect's way is a websocket, an event and four log lines for each step: too much for that one.
        """
        deployment = self.deployment
        if deployment is None or deployment.entrypoint is None:
            return None
        if ":" not in deployment.entrypoint:  # a flow of an installed package
            return None if deployment.pull_steps else (".", deployment.entrypoint)
        match deployment.pull_steps:
            case [{"prefect.deployments.steps.set_working_directory": {"directory": str(folder)}}]:
                return None if "{{" in folder else (folder, deployment.entrypoint)
        return None
