"""One call to one agent of a file, outside of Prefect."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from leadagent_prefect.agents.base import BaseAgent, Call, current_call
from leadagent_prefect.agents.registry import AgentFactory
from leadagent_prefect.agents.threads import leave_threads_behind
from leadagent_prefect.engine.pool import credentials, resolve
from leadagent_prefect.engine.steps.arrival import take_in
from leadagent_prefect.errors import AgentError, ConfigurationError, InternalError
from leadagent_prefect.models import AgentConfig
from leadagent_prefect.redaction import Redactor
from leadagent_prefect.results import AgentResponse
from leadagent_prefect.templates import references, render


async def call_agent(
    config: AgentConfig, action: str, parameters: Mapping[str, Any], inputs: Mapping[str, Any]
) -> dict[str, Any]:
    """What the agent answers, as JSON data with every secret masked; a failed call is an answer too.

    Templates see inputs, the environment, and secrets as environment variables. `ConfigurationError`
    names secrets that are missing there. For a loop of the call's own.
    """
    leave_threads_behind()
    return await call_within(config, action, parameters, _scope(config, parameters, inputs))


async def call_within(
    config: AgentConfig, action: str, parameters: Mapping[str, Any], scope: Mapping[str, Any]
) -> dict[str, Any]:
    """`call_agent` with all that templates see in ``scope``: inputs, secrets, env, vars."""
    redactor = Redactor([*scope["secrets"].values(), *credentials(config, scope)])
    began = time.perf_counter()
    try:
        response = await _call(config, action, render(dict(parameters), scope), scope)
        answer = {
            "success": True,
            "result": take_in(response.result, redactor),
            "error": None,
            "error_class": None,
            "metadata": take_in(response.metadata, redactor, "metadata"),
        }
    except AgentError as error:
        answer = _failure(error, redactor)
    except Exception as error:  # noqa: BLE001 - whatever a custom agent raises is its answer
        answer = _failure(InternalError(f"{type(error).__name__}: {error}"), redactor)
    seconds = round(time.perf_counter() - began, 3)
    return {"agent_name": config.name, "response_time": seconds, **answer}


def _failure(error: AgentError, redactor: Redactor) -> dict[str, Any]:
    return {
        "success": False,
        "result": None,
        "error": redactor.text(error.message),
        "error_class": error.error_class,
        "metadata": redactor.data(error.metadata),
    }


def _scope(config: AgentConfig, parameters: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    found = [
        reference for _, reference in references([config.model_dump(exclude_unset=True), dict(parameters)])
    ]
    wanted = {str(r.path[0]): r.guarded for r in found if r.root == "secrets" and r.path}
    missing = sorted(name for name, guarded in wanted.items() if name not in os.environ and not guarded)
    if missing:
        raise ConfigurationError(
            f"no environment variable {', '.join(missing)}: this command does not ask Prefect for its Secret "
            "blocks, so set the secrets it needs as environment variables"
        )
    secrets = {name: os.environ[name] for name in wanted if name in os.environ}
    return {"inputs": inputs, "secrets": secrets, "env": os.environ, "vars": {}}


async def _call(
    config: AgentConfig, action: str, parameters: dict[str, Any], scope: Mapping[str, Any]
) -> AgentResponse:
    agent: BaseAgent = AgentFactory.create(resolve(config, scope))
    current_call.set(Call(task="agents test", timeout=config.timeout))
    try:
        await agent.open()
        return (await agent.execute(action, parameters)).raise_for_error()
    finally:
        await agent.close()
