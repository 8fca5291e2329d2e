"""ai_agent in Anthropic's messages form: asked and answered under the same names."""

from __future__ import annotations

import pytest

from leadagent_prefect.errors import AgentMisconfigured, InvalidOutput

CLAUDE = {"type": "ai_agent", "custom_params": {"provider": "anthropic"}}
HELLO = {"model": "claude", "messages": [{"role": "user", "content": "Hello"}]}


def message(*content, stop="end_turn", **usage) -> dict:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-1",
        "content": list(content) or [{"type": "text", "text": "Hi"}],
        "stop_reason": stop,
        "usage": {"input_tokens": 5, "output_tokens": 7, **usage},
    }


async def test_a_chat_has_the_documented_result(service, reply, ask):
    service.says(reply(body=message()))
    key = {"type": "api_key", "key": "k"}
    response = await ask(
        service.url, {**HELLO, "top_k": 3}, action="chat_completion", authentication=key, **CLAUDE
    )
    assert response.result == {
        "content": "Hi",
        "role": "assistant",
        "model": "claude-1",
        "finish_reason": "stop",
        "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
        "tool_calls": [],
    }
    assert response.metadata["raw"] == message()
    assert service.last.target == "/v1/messages"
    assert service.last.json == {**HELLO, "top_k": 3, "max_tokens": 1024}
    headers = service.last.headers
    assert (headers["x-api-key"], headers["anthropic-version"]) == ("k", "2023-06-01")


async def test_a_bearer_token_is_sent_as_asked_and_the_version_can_be_given(service, reply, ask):
    service.says(reply(body=message()))
    params = {"provider": "anthropic", "headers": {"anthropic-version": "2030-01-01"}}
    token = {"type": "bearer", "token": "t"}
    await ask(
        service.url, {**HELLO, "max_tokens": 5}, type="ai_agent", custom_params=params, authentication=token
    )
    headers = service.last.headers
    assert (headers["authorization"], headers["anthropic-version"]) == ("Bearer t", "2030-01-01")
    assert service.last.json["max_tokens"] == 5


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/v1", "/v1/messages"),
        ("/gateway/", "/gateway/v1/messages"),
        ("/v1/messages?beta=true", "/v1/messages?beta=true"),
    ],
)
async def test_the_endpoint_is_the_full_url_or_the_base(service, reply, ask, path, target):
    service.says(reply(body=message()))
    await ask(service.url + path, HELLO, **CLAUDE)
    assert service.last.target == target


BLOCK = {"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}}


@pytest.mark.parametrize(
    ("system", "messages", "sent"),
    [
        ("a", [], "a"),
        (None, ["b"], "b"),
        ("a", ["b", "c"], "a\n\nb\n\nc"),
        ([BLOCK], [], [BLOCK]),
        ("a", [[BLOCK]], [{"type": "text", "text": "a"}, BLOCK]),
    ],
)
async def test_system_messages_become_the_system_of_the_request(service, reply, ask, system, messages, sent):
    service.says(reply(body=message()))
    given = [{"role": "system", "content": content} for content in messages]
    parameters = {"messages": [*given, *HELLO["messages"]], **({"system": system} if system else {})}
    await ask(service.url, parameters, **CLAUDE)
    assert service.last.json["system"] == sent
    assert service.last.json["messages"] == HELLO["messages"]


@pytest.mark.parametrize(
    ("stop", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "refusal"),
        ("pause_turn", "pause_turn"),
        (None, None),
    ],
)
async def test_stop_reasons_have_the_names_of_finish_reasons(service, reply, ask, stop, finish):
    service.says(reply(body=message(stop=stop)))
    assert (await ask(service.url, HELLO, **CLAUDE)).result["finish_reason"] == finish


async def test_tool_use_becomes_tool_calls(service, reply, ask):
    use = {"type": "tool_use", "id": "t1", "name": "add", "input": {"a": "é"}}
    service.says(reply(body=message({"type": "thinking", "thinking": "hm"}, use, stop="tool_use")))
    result = (await ask(service.url, HELLO, **CLAUDE)).result
    assert result["content"] is None
    assert result["tool_calls"] == [
        {"id": "t1", "type": "function", "function": {"name": "add", "arguments": '{"a": "é"}'}}
    ]


@pytest.mark.parametrize(
    ("usage", "prompt"),
    [
        ({"cache_creation_input_tokens": 10, "cache_read_input_tokens": 100}, 115),
        ({"cache_read_input_tokens": None}, 5),
        ({"input_tokens": None}, None),
    ],
)
async def test_cached_tokens_are_part_of_the_prompt(service, reply, ask, usage, prompt):
    service.says(reply(body=message(**usage)))
    assert (await ask(service.url, HELLO, **CLAUDE)).result["usage"]["prompt_tokens"] == prompt


async def test_without_usage_the_counts_are_null(service, reply, ask):
    service.says(reply(body={**message(), "usage": None}))
    usage = (await ask(service.url, HELLO, **CLAUDE)).result["usage"]
    assert usage == {"prompt_tokens": None, "completion_tokens": None, "total_tokens": None}


OPENAI_SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
OUTPUT = {"format": {"type": "json_schema", "schema": {"type": "object"}}}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"response_format": OPENAI_SCHEMA}, {"output_config": OUTPUT}),
        ({"output_config": OUTPUT}, {"output_config": OUTPUT}),
        ({"response_format": OPENAI_SCHEMA, "output_config": OUTPUT}, {"output_config": OUTPUT}),
        ({"response_format": {"type": "json_object"}}, {}),
    ],
)
async def test_json_can_be_asked_for_in_either_form(service, reply, ask, given, sent):
    service.says(reply(body=message({"type": "text", "text": '{"a": 1}'})))
    response = await ask(service.url, {**HELLO, **given}, **CLAUDE)
    assert response.result["data"] == {"a": 1}
    assert service.last.json == {**HELLO, "max_tokens": 1024, **sent}


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        ([], r"reply\.content is missing"),
        ({"content": "Hi"}, r"reply\.content is a str"),
        (message("Hi"), r"reply\.content holds a str"),
        (message({"type": "text"}), r"reply\.text is missing"),
        (message({"type": "tool_use"}), r"reply\.name is missing"),
    ],
)
async def test_a_malformed_reply_is_invalid_output(service, reply, ask, raw, place):
    service.says(reply(body=raw))
    with pytest.raises(InvalidOutput, match=place):
        await ask(service.url, HELLO, **CLAUDE)


async def test_there_are_no_embeddings(service, ask):
    with pytest.raises(AgentMisconfigured, match="Anthropic has no embeddings"):
        await ask(service.url, {"input": "a"}, action="embedding", **CLAUDE)
    assert service.connections == 0
