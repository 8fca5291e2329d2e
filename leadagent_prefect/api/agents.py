"""One call to one agent: with the restrictions of a workflow, in little time, and no large answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from leadagent_prefect.agents.policy import network_policy
from leadagent_prefect.api.document import accepted, submission_of
from leadagent_prefect.api.network import RunPolicy
from leadagent_prefect.api.problems import Problem
from leadagent_prefect.api.replies import AgentTest, AgentTestResult
from leadagent_prefect.api.settings import Settings
from leadagent_prefect.api.stored import Stored
from leadagent_prefect.engine.steps.agent_call import call_within
from leadagent_prefect.engine.values import load_secrets
from leadagent_prefect.errors import ConfigurationError
from leadagent_prefect.loader import Loaded
from leadagent_prefect.source import read_data
from leadagent_prefect.templates import references

MAX_SECONDS, MAX_ANSWER = 10.0, 64 * 1024
_NAME = "agent_test"


async def call(test: AgentTest, settings: Settings, stored_for: Any) -> AgentTestResult:
    """What the agent answers. ``stored_for`` makes of a workflow what its run would be given."""
    config = {**test.agent_config, "timeout": _seconds(test.agent_config.get("timeout", MAX_SECONDS))}
    task = {"name": _NAME, "agent_name": config.get("name"), "action": test.test_action}
    workflow = {"name": _NAME, "agents": [config], "tasks": [{**task, "parameters": test.test_parameters}]}
    loaded = accepted(submission_of(read_data(workflow, "agent_config")), settings)
    stored: Stored = stored_for(loaded)
    policy = await asyncio.to_thread(RunPolicy, stored.allow_networks, stored.denied)
    asked = asyncio.create_task(_asked(loaded, stored, policy))
    return AgentTestResult.model_validate(await asked)


async def _asked(loaded: Loaded, stored: Stored, policy: RunPolicy) -> Mapping[str, Any]:
    """In a task of its own: the policy is to hold there alone."""
    network_policy.set(policy)
    agent, task = loaded.workflow.agents[0], loaded.workflow.tasks[0]
    agent = agent.model_copy(update={"endpoint": stored.runnable()["agents"][0].get("endpoint")})
    names = {str(found.path[0]) for _, found in references(stored.workflow) if found.root == "secrets"}
    try:
        secrets = await load_secrets(names, names)
    except ConfigurationError as error:
        raise Problem(422, str(error)) from None
    scope = {"inputs": {}, "secrets": secrets, "env": {}, "vars": {}}
    answer = await call_within(agent, task.action or "", task.parameters, scope)
    if len(json.dumps(answer["result"])) > MAX_ANSWER:
        said = f"the answer has more than {MAX_ANSWER:,} bytes, which a test does not give back"
        answer.update(success=False, result=None, error=said)
    return {key: answer[key] for key in ("agent_name", "success", "response_time", "result", "error")}


def _seconds(timeout: Any) -> Any:
    """No longer than `MAX_SECONDS`; what is no number is for the checks to complain of."""
    if isinstance(timeout, (int, float)) and not isinstance(timeout, bool):
        return min(timeout, MAX_SECONDS)
    return timeout
