"""The one flow of all workflows that came over HTTP; a worker runs it as deployment ``leadagent/rest``."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from prefect import flow, get_client
from prefect.client.schemas.objects import State

from leadagent_prefect.agents.policy import network_policy
from leadagent_prefect.api.network import RunPolicy
from leadagent_prefect.api.stored import fetch
from leadagent_prefect.engine.control import RunControl, current_control
from leadagent_prefect.engine.flow import execute
from leadagent_prefect.engine.steps.task import PLAIN_JSON
from leadagent_prefect.loader import load
from leadagent_prefect.plan import plan_of

FLOW, DEPLOYMENT = "leadagent", "rest"
ENTRYPOINT = f"{__name__}.rest"


# Prefect would load a block for a "$ref" in a parameter: so there are two texts, and it looks into neither.
@flow(name=FLOW, persist_result=True, result_serializer=PLAIN_JSON, validate_parameters=False)
async def rest(document: str, inputs: str) -> State[Any]:
    """Runs the workflow of the block ``document`` with ``inputs``, a JSON object."""
    async with get_client() as client:
        stored = await fetch(client, document)
    # Resolving a name may take its time.
    policy = await asyncio.to_thread(RunPolicy, stored.allow_networks, stored.denied)
    network_policy.set(policy)
    control = current_control.get() or RunControl()
    control.scope = stored.owner
    current_control.set(control)
    return await execute(plan_of(load(stored.runnable(), parts={})), json.loads(inputs))
