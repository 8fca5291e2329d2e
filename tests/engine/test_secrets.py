"""Secrets reach the service and nothing else: not Prefect's database, logs, results, events or our output."""

from __future__ import annotations

import base64
import logging
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest

from leadagent_prefect import AgentResponse, ConfigurationError
from leadagent_prefect.errors import ServerError

CANARY = "canary/+" + "5a8f0c"
FORMS = [CANARY, quote_plus(CANARY), base64.b64encode(CANARY.encode()).decode().rstrip("=")]


async def test_a_missing_secret_is_an_error_before_anything_runs(bench: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await bench.run(
            {"name": "a", "parameters": {"x": "{{ secrets.NOT_THERE }}", "y": "{{ secrets.B_2 }}"}}
        )
    remedy = "make a Prefect Secret block named"
    assert str(caught.value).splitlines() == [
        f'secret "B_2" is missing: {remedy} "b-2" or set the environment variable B_2',
        f'secret "NOT_THERE" is missing: {remedy} "not-there" or set the environment variable NOT_THERE',
    ]
    assert bench.calls == []


async def test_a_missing_secret_with_a_default_is_no_error(bench: Any) -> None:
    bench.actions["take"] = lambda agent, given: given["x"]
    result = await bench.run(
        {"name": "a", "action": "take", "parameters": {"x": "{{ secrets.NOT_THERE_1 | default('none') }}"}}
    )
    assert result.results == {"a": "none"}


async def test_a_secret_block_comes_before_the_environment(
    bench: Any, recorded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FROM_BLOCK", "of the environment")
    from prefect.blocks.system import Secret

    await Secret(value="of the block").asave("from-block", overwrite=True, client=recorded.client)
    await Secret(value=1234567).asave("a-number", overwrite=True, client=recorded.client)
    await recorded.client._client.post("/variables/", json={"name": "greeting", "value": {"text": "hello"}})
    bench.actions["take"] = lambda agent, given: [len(given["x"]), given["n"] == "1234567", given["v"]]
    result = await bench.run(
        {
            "name": "a",
            "action": "take",
            "parameters": {
                "x": "{{ secrets.FROM_BLOCK }}",
                "n": "{{ secrets.A_NUMBER }}",
                "v": "{{ vars.greeting.text }} {{ vars.nothing | default('world') }}",
            },
        }
    )
    assert result.results == {"a": [len("of the block"), True, "hello world"]}


async def test_canaries_are_nowhere_to_be_found(
    bench: Any, recorded: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CANARY", CANARY)
    sent: list[Any] = []

    def leaks(agent: Any, given: dict[str, Any]) -> AgentResponse:
        sent.append((given["key"], agent.config.authentication.token))
        logging.getLogger("prefect.flow_runs").warning("calling with %s", given["key"])
        everywhere = {"plain": CANARY, "url": f"http://x/?k={quote_plus(CANARY)}", "list": FORMS}
        if agent.call.attempt == 1:
            raise ServerError(f"401 for Bearer {CANARY}", metadata=everywhere)
        if given.get("crash"):
            raise RuntimeError(f"boom {CANARY}")
        return AgentResponse(success=True, result=everywhere, metadata=everywhere)

    bench.actions["leaks"] = leaks
    agents = [
        {
            "name": "probe",
            "type": "script",
            "endpoint": "script://{{ inputs.key }}",
            "authentication": {"type": "bearer", "token": "{{ inputs.key }}"},
            "retry_config": {"initial_delay": 0, "max_attempts": 2},
        }
    ]
    with caplog.at_level(logging.DEBUG):
        result = await _run(bench, agents)
    assert sent[0] == (CANARY, CANARY)
    assert result.results["a"]["plain"] == "***"
    assert result.errors == {"b": "RuntimeError: boom ***"}
    await recorded.task_runs(result, 3)
    flow_run = await recorded.flow_run(result)
    assert flow_run.parameters == {"key": "***"}
    for text in (result.model_dump_json(), repr(bench.events), caplog.text):
        assert [form for form in FORMS if form in text] == []
    assert _found_on_disk(Path(os.environ["PREFECT_HOME"])) == []


async def _run(bench: Any, agents: Any) -> Any:
    from leadagent_prefect import LeadAgent

    workflow = bench.workflow(
        {"name": "a", "action": "leaks", "parameters": {"key": "{{ secrets.CANARY }}"}},
        {"name": "b", "action": "leaks", "parameters": {"key": "{{ secrets.CANARY }}", "crash": True}},
        {"name": "c", "parameters": {"x": "{{ tasks.a.result }}"}},
        agents=agents,
        inputs={"key": {"type": "string"}},
        failure_strategy="partial_completion_allowed",
        outputs={"o": "{{ tasks.a.result.plain }}"},
    )
    return await LeadAgent(observers=[bench.events.append]).execute_workflow_from_dict(
        workflow, {"key": CANARY}
    )


def _found_on_disk(home: Path) -> list[str]:
    """Files under PREFECT_HOME (database, its WAL, logs, results) that hold a canary in any form."""
    found = []
    for path in home.rglob("*"):
        if not path.is_file():
            continue
        content = path.read_bytes().decode("utf-8", "ignore")
        found += [f"{path.name}: {form}" for form in FORMS if form in content]
    return found


async def test_an_empty_environment_variable_is_no_secret(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMPTY_ONE", "")
    with pytest.raises(ConfigurationError, match='secret "EMPTY_ONE" is missing'):
        await bench.run({"name": "a", "parameters": {"x": "{{ secrets.EMPTY_ONE }}"}})
