"""ai_agent in the OpenAI-compatible form: what is asked, and what comes of the reply."""

from __future__ import annotations

import asyncio
import json

import pytest

from leadagent_prefect.agents.base import Call
from leadagent_prefect.errors import (
    AgentMisconfigured,
    AuthRefused,
    ClientError,
    InvalidOutput,
    RateLimited,
    ServerError,
)

AI = {"type": "ai_agent"}
HELLO = {"model": "gpt-4", "messages": [{"role": "user", "content": "Hello"}]}
PLAIN_USAGE = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}


def chat_reply(content="Hi", *, finish="stop", **message) -> dict:
    return {
        "id": "chatcmpl-1",
        "model": "gpt-4-0613",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish,
                "message": {"role": "assistant", "content": content, **message},
            }
        ],
        "usage": {**PLAIN_USAGE, "prompt_tokens_details": {"cached_tokens": 1}},
    }


async def test_a_chat_completion_has_the_documented_result(service, reply, ask):
    service.says(reply(body=chat_reply()))
    response = await ask(service.url + "/v1", HELLO, action="chat_completion", **AI)
    assert response.result == {
        "content": "Hi",
        "role": "assistant",
        "model": "gpt-4-0613",
        "finish_reason": "stop",
        "usage": PLAIN_USAGE,
        "tool_calls": [],
    }
    assert response.metadata["raw"] == chat_reply()
    assert response.metadata["status"] == 200


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/v1", "/v1/chat/completions"),
        ("/v1/", "/v1/chat/completions"),
        ("", "/chat/completions"),
        ("/v1/chat/completions", "/v1/chat/completions"),
        ("/v1/embeddings", "/v1/chat/completions"),
        ("/deployments/x/chat/completions?api-version=1", "/deployments/x/chat/completions?api-version=1"),
    ],
)
async def test_the_endpoint_is_the_full_url_or_the_base(service, reply, ask, path, target):
    service.says(reply(body=chat_reply()))
    await ask(service.url + path, HELLO, **AI)
    assert (service.last.method, service.last.target) == ("POST", target)


async def test_parameters_are_passed_on_untouched(service, reply, ask):
    service.says(reply(body=chat_reply()))
    given = {
        **HELLO,
        "max_tokens": 500,
        "temperature": 0.1,
        "tools": [{"type": "function"}],
        "odd": {"a": None},
    }
    await ask(service.url, given, call=Call(idempotency_key="k-1", timeout=20), **AI)
    assert service.last.json == given
    assert service.last.headers["idempotency-key"] == "k-1"
    assert service.last.headers["accept"] == "application/json"
    assert service.last.headers["content-type"] == "application/json"


async def test_credentials_and_custom_headers_are_sent(service, reply, ask):
    service.says(reply(body=chat_reply()))
    params = {"headers": {"OpenAI-Organization": "org"}, "user_agent": "Mine/1"}
    await ask(service.url, HELLO, authentication={"type": "bearer", "token": "t"}, custom_params=params, **AI)
    headers = service.last.headers
    assert (headers["authorization"], headers["openai-organization"], headers["user-agent"]) == (
        "Bearer t",
        "org",
        "Mine/1",
    )


@pytest.mark.parametrize(
    ("prompt", "content"),
    [
        ("Say hi", "Say hi"),
        ({"a": ["é"]}, '{"a":["é"]}'),
        ([1, 2], "[1,2]"),
        ([], "[]"),
        ([{"type": "text", "text": "hi"}], [{"type": "text", "text": "hi"}]),
        (5, "5"),
    ],
)
async def test_a_prompt_is_one_user_message(service, reply, ask, prompt, content):
    service.says(reply(body=chat_reply()))
    await ask(service.url, {"prompt": prompt, "system": "Be brief", "model": "m"}, action="summarize", **AI)
    assert service.last.json == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be brief"}, {"role": "user", "content": content}],
    }


async def test_without_a_prompt_the_action_its_parameters_and_upstream_results_are_the_question(
    service, reply, ask
):
    service.says(reply(body=chat_reply()))
    call = Call(timeout=20, upstream={"fetch_1": {"n": 1}, "fetch_2": None})
    params = {"model": "m", "max_tokens": 9, "system": "Join", "style": "short", "user": "bob"}
    defaults = {"temperature": 0, "user": "svc"}
    await ask(service.url, params, action="combine", call=call, custom_params={"defaults": defaults}, **AI)
    body = service.last.json
    assert json.loads(body["messages"][1].pop("content")) == {
        "action": "combine",
        "parameters": {"style": "short", "user": "bob"},
        "results": {"fetch_1": {"n": 1}, "fetch_2": None},
    }
    assert body == {
        "model": "m",
        "max_tokens": 9,
        "temperature": 0,
        "messages": [{"role": "system", "content": "Join"}, {"role": "user"}],
    }


async def test_defaults_give_way_to_parameters(service, reply, ask):
    service.says(reply(body=chat_reply()))
    defaults = {"model": "default", "temperature": 0, "system": "Be kind"}
    await ask(service.url, {"prompt": "x", "model": "mine"}, custom_params={"defaults": defaults}, **AI)
    body = service.last.json
    assert (body["model"], body["temperature"], body["messages"][0]["content"]) == ("mine", 0, "Be kind")


# --- the reply --------------------------------------------------------------------------------------

CALLS = [{"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}}]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (
            chat_reply(None, finish="tool_calls", tool_calls=CALLS),
            {"content": None, "tool_calls": CALLS, "finish_reason": "tool_calls"},
        ),
        (chat_reply("cut", finish="length"), {"content": "cut", "finish_reason": "length"}),
        (chat_reply("", finish="content_filter"), {"content": "", "finish_reason": "content_filter"}),
        (chat_reply(None, refusal="I can't"), {"content": "I can't", "finish_reason": "refusal"}),
        (chat_reply([{"type": "text", "text": "a"}, {"type": "x"}, {"text": "b"}]), {"content": "ab"}),
        (chat_reply("x", role=None), {"role": "assistant"}),
        ({**chat_reply(), "usage": None}, {"usage": dict.fromkeys(PLAIN_USAGE)}),
        (
            {**chat_reply(), "usage": {"prompt_tokens": 2, "completion_tokens": 3}},
            {"usage": {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}},
        ),
        (
            {**chat_reply(), "usage": {"prompt_tokens": True, "completion_tokens": "3"}},
            {"usage": dict.fromkeys(PLAIN_USAGE)},
        ),
    ],
)
async def test_replies_in_all_their_forms(service, reply, ask, raw, expected):
    service.says(reply(body=raw))
    result = (await ask(service.url, HELLO, **AI)).result
    assert {key: result[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("<html>sign in</html>", "the reply is not valid JSON"),
        ("data: {}\n\n", "the reply is not valid JSON"),
        ("[]", "reply.choices is missing"),
        ({"error": {"message": "upstream died"}}, "reply.choices is missing.*upstream died"),
        ({"choices": []}, r"reply.choices\[0\] is missing"),
        ({"choices": ["x"]}, r"reply.choices\[0\] is a str, expected a dict"),
        ({"choices": [{"message": None}]}, "reply.message is a NoneType"),
        (chat_reply(5), "content is a int, expected text"),
        (chat_reply(tool_calls="x"), "tool_calls is no list"),
    ],
)
async def test_a_malformed_reply_is_invalid_output_and_quotes_it(service, reply, ask, raw, message):
    service.says(reply(body=raw))
    with pytest.raises(InvalidOutput, match=f"answered 200 OK .*{message}") as caught:
        await ask(service.url, HELLO, **AI)
    assert caught.value.metadata["status"] == 200


JSON = {"type": "json_object"}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}


@pytest.mark.parametrize("response_format", [JSON, SCHEMA])
@pytest.mark.parametrize("content", ['{"a": 1}', '```json\n{"a": 1}\n```', ' ```\n{"a": 1}``` \n'])
async def test_an_answer_asked_for_as_json_is_parsed_into_data(service, reply, ask, response_format, content):
    service.says(reply(body=chat_reply(content)))
    response = await ask(service.url, {**HELLO, "response_format": response_format}, **AI)
    assert (response.result["data"], response.result["content"]) == ({"a": 1}, content)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (chat_reply("Sure! Here it is."), "asked was JSON, but the content is not valid JSON"),
        (chat_reply(""), "asked was JSON"),
        (chat_reply(None), "asked was JSON"),
        (chat_reply('{"a": ', finish="length"), "cut off at the limit of tokens"),
    ],
)
async def test_what_was_asked_as_json_and_is_none_is_invalid_output(service, reply, ask, raw, message):
    service.says(reply(body=raw))
    with pytest.raises(InvalidOutput, match=message) as caught:
        await ask(service.url, {**HELLO, "response_format": JSON}, **AI)
    assert caught.value.metadata["raw"] == raw


@pytest.mark.parametrize(
    "raw",
    [
        chat_reply(None, finish="tool_calls", tool_calls=CALLS),
        chat_reply(None, refusal="I can't"),
        chat_reply("no", finish="content_filter"),
    ],
)
async def test_a_refusal_or_a_tool_call_in_place_of_json_is_a_success_without_data(service, reply, ask, raw):
    service.says(reply(body=raw))
    assert (await ask(service.url, {**HELLO, "response_format": JSON}, **AI)).result["data"] is None


@pytest.mark.parametrize("response_format", [{"type": "text"}, "json", None])
async def test_without_json_asked_for_there_is_no_data(service, reply, ask, response_format):
    service.says(reply(body=chat_reply()))
    response = await ask(service.url, {**HELLO, "response_format": response_format}, **AI)
    assert "data" not in response.result


# --- embeddings -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1", "/v1/chat/completions", "/v1/embeddings"])
async def test_an_embedding_gives_vectors_in_the_order_of_the_input(service, reply, ask, path):
    data = [{"index": 1, "embedding": [3.0, 4.0]}, {"index": 0, "embedding": [1.0, 2.0]}]
    service.says(reply(body={"data": data, "model": "e", "usage": {"prompt_tokens": 3, "total_tokens": 3}}))
    defaults = {"temperature": 1, "model": "default", "dimensions": 2}
    params = {"input": ["a", "b"], "model": "e"}
    response = await ask(
        service.url + path, params, action="embedding", custom_params={"defaults": defaults}, **AI
    )
    assert service.last.target == "/v1/embeddings"
    assert service.last.json == {"model": "e", "dimensions": 2, "input": ["a", "b"]}
    assert response.result == {
        "embeddings": [[1.0, 2.0], [3.0, 4.0]],
        "model": "e",
        "usage": {"prompt_tokens": 3, "completion_tokens": None, "total_tokens": 3},
    }


async def test_embeddings_without_an_index_keep_the_replys_order(service, reply, ask):
    service.says(reply(body={"data": [{"embedding": [1]}, {"embedding": [2]}]}))
    response = await ask(service.url, {"input": ["a", "b"]}, action="embeddings", **AI)
    assert response.result["embeddings"] == [[1], [2]]


@pytest.mark.parametrize("raw", [{}, {"data": [5]}, {"data": [{"embedding": "AAAA"}]}, {"data": {}}])
async def test_a_malformed_embedding_is_invalid_output(service, reply, ask, raw):
    service.says(reply(body=raw))
    with pytest.raises(InvalidOutput, match=r"reply\.data"):
        await ask(service.url, {"input": "a"}, action="embedding", **AI)


# --- failures ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {}, AuthRefused),
        (404, {"error": {"message": "no such model"}}, ClientError),
        (429, {"error": {"code": "rate_limit_exceeded", "message": "slow down"}}, RateLimited),
        (429, {"error": "slow"}, RateLimited),
        (429, [], RateLimited),
        (429, "busy", RateLimited),
        (529, {"type": "error"}, ServerError),
    ],
)
async def test_a_refusal_of_the_provider_keeps_its_class_and_its_wait(
    service, reply, ask, status, body, kind
):
    service.says(reply(status, body=body, headers={"retry-after-ms": "1500"}))
    with pytest.raises(kind, match=f"POST {service.url}/chat/completions answered {status}") as caught:
        await ask(service.url, HELLO, **AI)
    assert (type(caught.value), caught.value.retry_after) == (kind, 1.5)


@pytest.mark.parametrize("key", ["code", "type"])
async def test_an_empty_account_is_no_rate_limit_since_waiting_does_not_help(service, reply, ask, key):
    service.says(
        reply(429, body={"error": {key: "insufficient_quota", "message": "You exceeded your quota"}})
    )
    with pytest.raises(ClientError, match=r"no quota is left.*You exceeded your quota"):
        await ask(service.url, HELLO, **AI)


@pytest.mark.parametrize(
    ("action", "parameters", "message"),
    [
        ("chat", {**HELLO, "stream": True}, "stream"),
        ("chat", {**HELLO, "prompt": "x"}, "both messages and prompt"),
        ("chat", {"messages": []}, "messages must be a list"),
        ("chat", {"messages": "hi"}, "messages must be a list"),
        ("chat", {"messages": ["hi"]}, "messages must be a list"),
        ("chat", {"prompt": None}, "prompt is null"),
        ("chat", {"prompt": "x", "system": 5}, "system must be text, not int"),
        ("chat", {"prompt": "x", "temperature": float("nan")}, "can't be sent as JSON"),
        ("embedding", {}, r"needs parameters\.input"),
        ("embedding", {"input": ""}, r"needs parameters\.input"),
        ("embedding", {"input": 5}, r"needs parameters\.input"),
    ],
)
async def test_what_cannot_be_asked_is_an_error_before_any_request(service, ask, action, parameters, message):
    with pytest.raises(AgentMisconfigured, match=message):
        await ask(service.url, parameters, action=action, **AI)
    assert service.connections == 0


@pytest.mark.parametrize(
    ("custom_params", "message"),
    [
        ({"provider": "gemini"}, "provider is 'gemini', expected openai or anthropic"),
        ({"provider": ["openai"]}, "provider is"),
        ({"defaults": [1]}, "defaults must be a mapping"),
        ({"defualts": {}}, 'did you mean "defaults"'),
    ],
)
async def test_a_wrong_agent_is_an_error_before_any_call(ask, custom_params, message):
    with pytest.raises(AgentMisconfigured, match=message):
        await ask("http://127.0.0.1:9", HELLO, custom_params=custom_params, **AI)


async def test_an_endpoint_of_anthropics_form_asks_for_its_provider(ask):
    with pytest.raises(AgentMisconfigured, match="provider: anthropic"):
        await ask("http://127.0.0.1:9/v1/messages", HELLO, **AI)


async def test_a_rate_limit_whose_body_never_ends_is_still_one(service, reply, ask):
    async def endless(request, writer):
        writer.write(b"HTTP/1.1 429 X\r\nRetry-After: 7\r\nContent-Length: 9\r\n\r\nbusy")
        await writer.drain()
        await asyncio.Event().wait()

    service.says(endless)
    with pytest.raises(RateLimited, match="answered 429 Too Many Requests: busy") as caught:
        await ask(service.url, HELLO, call=Call(timeout=0.2), **AI)
    assert caught.value.retry_after == 7


async def test_a_rate_limit_whose_body_is_broken_is_still_one(service, reply, ask):
    service.says(reply(429, body=b"no gzip", headers={"Content-Encoding": "gzip", "Retry-After": "7"}))
    with pytest.raises(RateLimited) as caught:
        await ask(service.url, HELLO, **AI)
    assert caught.value.retry_after == 7
