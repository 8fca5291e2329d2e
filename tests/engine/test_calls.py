"""One call: what goes in, what an agent may hand back, and everything that can be wrong with it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from leadagent_prefect import AgentResponse, BaseAgent
from leadagent_prefect.engine.steps.arrival import take_in
from leadagent_prefect.errors import ConnectionFailed, InvalidOutput
from leadagent_prefect.redaction import Redactor


async def test_an_agent_knows_what_surrounds_its_call(bench: Any) -> None:
    agents = [{"name": "probe", "type": "script", "endpoint": "x", "timeout": 7}]
    result = await bench.run(
        {"name": "a", "accept_status": [404]},
        {"name": "b", "depends_on": ["a"], "timeout": 40},
        agents=agents,
    )
    first, second = (made.call for made in bench.calls)
    assert (first.task, first.attempt, first.timeout, first.accept_status) == ("a", 1, 7.0, {404})
    assert (second.run_id, second.timeout, second.upstream) == (result.flow_run_id, 7.0, {"a": {"echo": {}}})
    assert first.idempotency_key != second.idempotency_key


async def test_what_an_agent_does_to_its_parameters_stays_with_it(bench: Any) -> None:
    def spoils(agent: Any, given: dict[str, Any]) -> AgentResponse:
        given["list"].append("spoilt")
        return AgentResponse(
            success=agent.call.attempt == 2, result=given, error="no", error_class="server_error"
        )

    bench.actions["make"] = lambda agent, given: [1]
    bench.actions["spoils"] = spoils
    result = await bench.run(
        {"name": "a", "action": "make"},
        {
            "name": "b",
            "action": "spoils",
            "parameters": {"list": "{{ tasks.a.result }}"},
            "retry_config": {"initial_delay": 0, "max_attempts": 2},
        },
    )
    assert result.results == {"a": [1], "b": {"list": [1, "spoilt"]}}


@pytest.mark.parametrize(
    ("answer", "error", "error_class"),
    [
        (float("nan"), "result is nan, which is not JSON", "invalid_output"),
        ({"a": [{"b": object()}]}, "result.a[0].b is a object, which is not JSON data", "invalid_output"),
        ({1: 2}, "result has the key 1, and keys of JSON objects are strings", "invalid_output"),
        (AgentResponse(success=False), "the agent gave no reason", "internal"),
        (AgentResponse(success=False, error="odd", error_class="nonsense"), "odd", "internal"),
        (AgentResponse(success=False, error="x", metadata={"y": object()}), "x", "internal"),
    ],
)
async def test_an_answer_that_is_no_data_fails_its_task(
    bench: Any, answer: Any, error: str, error_class: str
) -> None:
    bench.actions["odd"] = lambda agent, given: answer
    result = await bench.run({"name": "a", "action": "odd"})
    assert (result.errors["a"], result.tasks["a"].error_class) == (error, error_class)


def test_data_is_copied_clean_in_every_form_it_may_have() -> None:
    redactor = Redactor(["topsecret"])
    given = {"a": (1, 2.5, True, None), "b\ud800": "x\ud83d\ude00\udc00", "c": "topsecret", "d": []}
    assert take_in(given, redactor) == {
        "a": [1, 2.5, True, None],
        "b\ufffd": "x\U0001f600\ufffd",
        "c": "***",
        "d": [],
    }


def test_data_nested_too_deep_is_refused() -> None:
    deep: Any = 1
    for _ in range(201):
        deep = [deep]
    with pytest.raises(InvalidOutput, match="nested deeper than 200 levels"):
        take_in(deep, Redactor())


async def test_an_exception_of_an_agent_is_internal_with_its_type_and_text(bench: Any) -> None:
    def raises(agent: Any, given: Any) -> None:
        raise KeyError("nothing")

    bench.actions["raises"] = raises
    result = await bench.run({"name": "a", "action": "raises"})
    assert result.errors == {"a": "KeyError: 'nothing'"}
    assert result.tasks["a"].error_class == "internal"


async def test_an_agent_that_returns_no_response_is_told_what_to_return(bench: Any) -> None:
    from leadagent_prefect import AgentFactory

    class Wrong(BaseAgent):
        async def execute(self, action: str, parameters: dict[str, Any]) -> AgentResponse:
            return {"not": "a response"}  # type: ignore[return-value]  # what a user may write

    AgentFactory.register_agent_type("wrong", Wrong)
    try:
        result = await bench.run({"name": "a"}, agents=[{"name": "probe", "type": "wrong", "endpoint": "x"}])
    finally:
        AgentFactory.unregister_agent_type("wrong")
    assert result.tasks["a"].error_class == "configuration"
    assert result.errors["a"] == (
        "Wrong.execute returned a dict, not an AgentResponse: return AgentResponse(success=True, result=...)"
    )


async def test_a_template_that_fails_at_run_time_fails_its_task_without_a_call_or_retry(bench: Any) -> None:
    result = await bench.run(
        {"name": "a"},
        {
            "name": "b",
            "parameters": {"x": "{{ tasks.a.result.nothing.there }}"},
            "retry_config": {"retry_on": ["any"], "initial_delay": 0},
        },
    )
    assert (result.tasks["b"].error_class, result.tasks["b"].attempts) == ("template", 1)
    assert "nothing" in result.errors["b"]
    assert len(bench.calls) == 1


async def test_a_template_of_an_agent_that_fails_fails_its_calls(bench: Any) -> None:
    agents = [
        {
            "name": "probe",
            "type": "script",
            "endpoint": "{{ env.LEADAGENT_TEST_NOT_SET }}",
            "authentication": {
                "type": "basic",
                "username": "u",
                "password": "{{ env.LEADAGENT_TEST_NOT_SET }}",
            },
        }
    ]
    result = await bench.run({"name": "a"}, agents=agents)
    assert result.tasks["a"].error_class == "template"
    assert bench.log == []


async def test_a_template_of_an_agent_that_gives_no_text_is_a_configuration_error(bench: Any) -> None:
    agents = [
        {
            "name": "probe",
            "type": "script",
            "endpoint": "x",
            "authentication": {"type": "bearer", "token": "{{ inputs.n }}"},
        }
    ]
    result = await bench.run({"name": "a"}, agents=agents, inputs={"n": {"type": "integer", "default": 3}})
    assert result.tasks["a"].error_class == "configuration"
    assert 'agent "probe": a template of it gives a value of the wrong type' in result.errors["a"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"count": 3}, None),
        ({"count": "3"}, "the answer does not fit output_schema at $.count: '3' is not of type 'integer'"),
    ],
)
async def test_an_answer_is_held_to_its_schema(bench: Any, answer: Any, error: str | None) -> None:
    bench.actions["answer"] = lambda agent, given: answer
    schema = {"type": "object", "properties": {"count": {"type": "integer"}}, "required": ["count"]}
    result = await bench.run({"name": "a", "action": "answer", "output_schema": schema})
    assert result.errors.get("a") == error
    assert result.tasks["a"].error_class == (error and "invalid_output")


async def test_an_agent_that_does_not_open_is_opened_again_by_the_next_attempt(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = type(bench).__module__
    conftest = __import__("sys").modules[script]
    failures = iter([ConnectionFailed("down"), None])

    async def open_(agent: Any) -> None:
        if (failure := next(failures)) is not None:
            raise failure

    monkeypatch.setattr(conftest.ScriptAgent, "open", open_)
    result = await bench.run({"name": "a", "retry_config": {"initial_delay": 0, "max_attempts": 2}})
    assert result.tasks["a"].attempts == 2
    assert result.status == "completed"
    assert bench.log == ["close probe", "close probe"]


async def test_an_agent_that_does_not_close_harms_no_run(
    bench: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    conftest = __import__("sys").modules[type(bench).__module__]
    monkeypatch.setattr("leadagent_prefect.engine.pool._CLOSE_SECONDS", 0.05)

    async def close(agent: Any) -> None:
        if agent.config.name == "broken":
            raise RuntimeError("no")
        await asyncio.Event().wait()

    monkeypatch.setattr(conftest.ScriptAgent, "close", close)
    agents = [{"name": name, "type": "script", "endpoint": "x"} for name in ("broken", "hangs")]
    with caplog.at_level(logging.WARNING):
        result = await bench.run(
            {"name": "a", "agent_name": "broken"}, {"name": "b", "agent_name": "hangs"}, agents=agents
        )
    assert result.status == "completed"
    assert 'agent "broken" did not close cleanly: RuntimeError' in caplog.text
    assert 'agent "hangs" did not close within 0.05 s' in caplog.text


async def test_a_connection_that_an_agent_lost_is_tried_again(bench: Any) -> None:
    def loses(agent: Any, given: Any) -> str:
        if agent.call.attempt == 1:
            raise ConnectionResetError("gone")
        return "there"

    bench.actions["loses"] = loses
    result = await bench.run({"name": "a", "action": "loses", "retry_config": {"initial_delay": 0}})
    assert (result.results, result.tasks["a"].attempts) == ({"a": "there"}, 2)


async def test_an_output_schema_where_no_json_was_asked_for_says_what_is_missing(bench: Any) -> None:
    class Chats(BaseAgent):
        async def execute(self, action: str, parameters: dict[str, Any]) -> AgentResponse:
            return AgentResponse(success=True, result=parameters)

    from leadagent_prefect import AgentFactory

    AgentFactory.register_agent_type("ai_agent", Chats)
    agents = [{"name": "probe", "type": "ai_agent", "endpoint": "http://127.0.0.1:9"}]
    schema = {"type": "object", "required": ["x"]}
    try:
        result = await bench.run(
            {"name": "a", "parameters": {"data": {"x": 1}}, "output_schema": schema},
            {"name": "b", "parameters": {"content": "{}"}, "output_schema": schema},
            agents=agents,
        )
    finally:
        AgentFactory.unregister_agent_type("ai_agent")
    assert result.tasks["a"].status == "completed"
    assert result.tasks["b"].error_class == "invalid_output"
    assert "ask for JSON with parameters.response_format" in result.errors["b"]


async def test_an_agent_can_mask_secrets_before_it_cuts_a_text(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUT_SECRET", "canary-0123456789")

    def cuts(agent: Any, given: Any) -> str:
        cut: str = agent.call.redact(f"of {given['x']}")[:10]
        return cut

    bench.actions["cuts"] = cuts
    result = await bench.run({"name": "a", "action": "cuts", "parameters": {"x": "{{ secrets.CUT_SECRET }}"}})
    assert result.results == {"a": "of ***"}


async def test_a_runtime_error_of_an_agent_is_its_own(bench: Any) -> None:
    def raises(agent: Any, given: Any) -> None:
        raise RuntimeError("boom")

    bench.actions["raises"] = raises
    result = await bench.run({"name": "a", "action": "raises"})
    assert (result.errors, result.tasks["a"].error_class) == ({"a": "RuntimeError: boom"}, "internal")
