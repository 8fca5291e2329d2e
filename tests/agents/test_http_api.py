"""http_api: what goes over the wire for a task's parameters, and what comes of the answer."""

from __future__ import annotations

from typing import Any

import pytest

from leadagent_prefect.agents.base import AgentFactory, Call, current_call
from leadagent_prefect.errors import AgentMisconfigured
from leadagent_prefect.models import AgentConfig
from leadagent_prefect.results import AgentResponse


def agent_config(endpoint: str | None, **given: Any) -> AgentConfig:
    return AgentConfig.model_validate({"name": "api", "type": "http_api", "endpoint": endpoint, **given})


async def ask(
    url: str,
    parameters: dict[str, Any] | None = None,
    *,
    action: str = "fetch",
    call: Call | None = None,
    **agent: Any,
) -> AgentResponse:
    made = AgentFactory.create(agent_config(url, **agent))
    token = current_call.set(call or Call(timeout=5))
    await made.open()
    try:
        return await made.execute(action, parameters or {})
    finally:
        current_call.reset(token)
        await made.close()


async def test_an_action_that_is_no_method_sends_get_to_the_endpoint_below_the_base_path(service, reply):
    service.says(reply(body={"id": 1}))
    response = await ask(service.url + "/v1/", {"endpoint": "/posts/1"})
    assert (service.last.method, service.last.target) == ("GET", "/v1/posts/1")
    assert response.result == {"id": 1}
