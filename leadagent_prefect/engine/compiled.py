"""What an emitted flow calls: the same primitives as a flow that was never written down."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefect.client.schemas.objects import State

from leadagent_prefect.agents.registry import make_importable
from leadagent_prefect.engine.flow import execute
from leadagent_prefect.engine.steps.task import PLAIN_JSON
from leadagent_prefect.loader import load
from leadagent_prefect.models import Workflow
from leadagent_prefect.plan import Plan, plan_of

__all__ = ["PLAIN_JSON", "run"]


async def run(
    workflow: Workflow,
    inputs: Mapping[str, Any],
    *,
    code: Path | None = None,
    parts: Mapping[str, Workflow] | None = None,
) -> State[Any]:
    """Runs ``workflow`` as the body of a flow, and gives the state that the flow ends in.

    ``parts`` are its sub-workflows, and theirs, by the path of each from the folder of the workflow's file
    (`Loaded.files`): no file is read. ``code`` is the folder of custom agents' classes; those of a
    sub-workflow stand beside its file. The workflow is checked as a file is, since it may have been changed
    by hand: `ConfigurationError` has all that is wrong with it.
    """
    return await execute(_plan(workflow, code, parts or {}), inputs)


def _plan(workflow: Workflow, code: Path | None, parts: Mapping[str, Workflow]) -> Plan:
    base = code.resolve() if code is not None else None
    if code is not None:
        for key in ("workflow", *parts):  # each beside its own file
            make_importable((code / key).parent.resolve())
    read = {key: _data(part) for key, part in parts.items()}
    return plan_of(load(_data(workflow), parts=read, base=base))


def _data(workflow: Workflow) -> dict[str, Any]:
    return workflow.model_dump(exclude_unset=True, by_alias=True)
