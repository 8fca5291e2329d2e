from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest

from leadagent_prefect import errors


def refuse(method: str, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> Any:
    return lambda message, _: (status, headers or {}, body) if message.get("method") == method else None


async def test_credentials_and_headers_reach_the_server(gate, make):
    agent = make(gate.url, authentication={"type": "bearer", "token": "t0ken"}, headers={"X-Team": "blue"})
    assert (await agent.execute("add", {"a": 1, "b": 2})).result == {"result": 3}
    for _, _, headers in gate.seen:
        assert headers["authorization"] == "Bearer t0ken"
        assert headers["x-team"] == "blue"
        assert headers["accept-encoding"] == "identity"


async def test_a_server_that_wants_a_token_is_open_to_who_has_it(gate, make):
    def answer(message: dict[str, Any], headers: dict[str, str]) -> Any:
        known = headers.get("authorization") == "Bearer t0ken"
        return None if known else (401, {"WWW-Authenticate": "Bearer"}, b"")

    gate.answer = answer
    agent = make(gate.url, authentication={"type": "bearer", "token": "t0ken"})
    assert (await agent.execute("add", {"a": 1, "b": 2})).result == {"result": 3}
    with pytest.raises(errors.AuthRefused):
        await make(gate.url, authentication={"type": "bearer", "token": "other"}).execute("add", {})


@pytest.mark.parametrize("status", [401, 403])
async def test_refused_credentials_are_told_as_such_when_the_session_is_opened(gate, make, status):
    gate.answer = lambda message, headers: (status, {}, b"who are you?")
    with pytest.raises(errors.AuthRefused, match=f"answered {status}: who are you") as caught:
        await make(gate.url).execute("add", {"a": 1, "b": 2})
    assert caught.value.metadata == {"status": status}


async def test_a_secret_that_an_excerpt_would_cut_is_masked_before(gate, make, calling):
    gate.answer = lambda message, headers: (401, {}, b"x" * 490 + b"CANARY-0123456789")
    with (
        calling(redact=lambda text: text.replace("CANARY-0123456789", "***")),
        pytest.raises(errors.AuthRefused) as caught,
    ):
        await make(gate.url).execute("add", {"a": 1, "b": 2})
    assert str(caught.value).endswith("x" * 490 + "***")


async def test_refused_credentials_are_told_as_such_in_an_open_session(gate, make):
    agent = make(gate.url)
    await agent.execute("list_tools", {})
    gate.answer = refuse("tools/call", 401)
    with pytest.raises(errors.AuthRefused):
        await agent.execute("add", {"a": 1, "b": 2})
    gate.answer = lambda message, headers: None
    assert (await agent.execute("add", {"a": 1, "b": 2})).result == {"result": 3}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (429, errors.RateLimited),
        (503, errors.ServerError),
        (500, errors.ServerError),
        (422, errors.ClientError),
    ],
)
async def test_status_and_retry_after_of_a_call_are_its_own(gate, make, status, kind):
    agent = make(gate.url)
    await agent.execute("list_tools", {})

    def answer(message: dict[str, Any], headers: dict[str, str]) -> Any:
        arguments = message.get("params", {}).get("arguments", {})
        return (status, {"Retry-After": "7"}, b"busy") if arguments.get("a") == 0 else None

    gate.answer = answer
    good, bad = await asyncio.gather(
        agent.execute("add", {"a": 1, "b": 2}), agent.execute("add", {"a": 0, "b": 2}), return_exceptions=True
    )
    assert good.result == {"result": 3}
    assert type(bad) is kind
    assert bad.retry_after == 7
    assert bad.metadata == {"status": status}
    assert "busy" in bad.message


async def test_an_unreachable_server_is_a_connection_that_failed(make, closed_port):
    agent = make(f"http://127.0.0.1:{closed_port}/mcp")
    with pytest.raises(errors.ConnectionFailed, match=f"a session with http://127.0.0.1:{closed_port}/mcp"):
        await agent.execute("add", {})


async def test_a_lost_connection_costs_one_call_and_not_the_session(gate, make):
    """Under the bare SDK it cancels the task that holds the session."""
    agent = make(gate.url)
    await agent.execute("list_tools", {})
    whole = gate.app

    async def broken(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-length", b"100"), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})
        raise ConnectionResetError

    gate.app = broken
    with pytest.raises(errors.ConnectionFailed):
        await agent.execute("add", {"a": 1, "b": 2})
    gate.app = whole
    assert (await agent.execute("add", {"a": 1, "b": 2})).result == {"result": 3}
    assert len(gate.messages("server/discover")) == 1


async def test_a_call_that_takes_too_long_is_a_timeout_and_the_session_lives(gate, make, calling):
    agent = make(gate.url)
    await agent.execute("list_tools", {})
    with (
        calling(timeout=0.2),
        pytest.raises(errors.AgentTimeout, match=r'tool "wait" of .*no answer within 0.2 s'),
    ):
        await agent.execute("wait", {"seconds": 60})
    assert (await agent.execute("add", {"a": 1, "b": 2})).result == {"result": 3}


async def test_opening_a_session_takes_no_longer_than_the_call_may(gate, make, calling):
    async def hang(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.6)

    gate.app = hang
    with calling(timeout=0.2), pytest.raises(errors.AgentTimeout, match="opening a session"):
        await make(gate.url).execute("add", {"a": 1, "b": 2})


async def test_the_idempotency_key_goes_with_the_call_and_with_nothing_else(workshop, gate, make, calling):
    with calling(idempotency_key="key-1"):
        result = (await make(workshop).execute("meta", {})).result
        await make(gate.url).execute("add", {"a": 1, "b": 2})
    assert result["headers"]["idempotency-key"] == "key-1"
    assert result["meta"]["leadagent/idempotency-key"] == "key-1"
    carried = {message["method"] for _, message, headers in gate.seen if "idempotency-key" in headers}
    assert carried == {"tools/call"}


async def test_an_answer_above_the_limit_is_refused(gate, make):
    agent = make(gate.url, max_response_bytes=20_000)
    with pytest.raises(errors.InvalidOutput, match="larger than 20,000 bytes"):
        await agent.execute("big", {"size": 30_000})
    assert len((await agent.execute("big", {"size": 10_000})).result) == 10_000


async def test_a_packed_answer_is_refused_unopened(gate, make):
    agent = make(gate.url)
    await agent.execute("list_tools", {})
    packed = gzip.compress(json.dumps({"jsonrpc": "2.0", "id": 1, "result": {}}).encode())
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    gate.answer = refuse("tools/call", 200, headers, packed)
    with pytest.raises(errors.InvalidOutput, match='content encoding "gzip"'):
        await agent.execute("add", {"a": 1, "b": 2})


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, {"Content-Type": "text/html"}, b"<html>"),
        (200, {"Content-Type": "application/json"}, b"{"),
        (202, {}, b""),
    ],
)
async def test_an_answer_that_is_not_mcp_is_invalid_output(gate, make, status, headers, body):
    agent = make(gate.url)
    await agent.execute("list_tools", {})
    gate.answer = refuse("tools/call", status, headers, body)
    with pytest.raises(errors.InvalidOutput):
        await agent.execute("add", {"a": 1, "b": 2})


async def test_a_redirect_to_another_origin_is_not_followed(gate, workshop, make):
    agent = make(gate.url, authentication={"type": "bearer", "token": "t0ken"})
    await agent.execute("list_tools", {})
    gate.answer = refuse("tools/call", 307, {"Location": workshop})
    with pytest.raises(errors.ClientError, match=f"answered 307: .*{workshop} not followed"):
        await agent.execute("add", {"a": 1, "b": 2})


async def test_a_server_of_before_2026_is_spoken_to_in_its_own_way(gate, make):
    gate.answer = lambda message, _: (404, {}, b"") if message.get("method") == "server/discover" else None
    agent = make(gate.url)
    assert (await agent.execute("add", {"a": 1, "b": 2})).result == {"result": 3}
    assert gate.messages("tools/call")[0]["mcp-session-id"]


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, b""), (400, b'{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request"},"id":null}')],
)
async def test_a_session_the_server_has_forgotten_is_opened_again_within_the_call(gate, make, status, body):
    forgotten: set[str] = set()

    def answer(message: dict[str, Any], headers: dict[str, str]) -> Any:
        if message.get("method") == "server/discover":
            return (404, {}, b"")
        if message and headers.get("mcp-session-id") in forgotten:
            return (status, {"Content-Type": "application/json"}, body)
        return None

    gate.answer = answer
    agent = make(gate.url)
    await agent.execute("add", {"a": 1, "b": 2})
    forgotten.add(gate.messages("tools/call")[0]["mcp-session-id"])
    answers = await asyncio.gather(*(agent.execute("add", {"a": n, "b": 0}) for n in range(3)))
    assert [answer.result["result"] for answer in answers] == [0, 1, 2]
    assert len(gate.messages("initialize")) == 2


async def test_a_400_that_is_no_word_on_the_session_stays_one(gate, make):
    def answer(message: dict[str, Any], headers: dict[str, str]) -> Any:
        if message.get("method") == "server/discover":
            return (404, {}, b"")
        return (400, {}, b"no JSON") if message.get("method") == "tools/call" else None

    gate.answer = answer
    with pytest.raises(errors.ClientError, match="answered 400: no JSON"):
        await make(gate.url).execute("add", {"a": 1, "b": 2})


async def test_sse_serves_calls_side_by_side(sse_gate, make):
    agent = make(sse_gate.url)
    answers = await asyncio.gather(*(agent.execute("add", {"a": n, "b": 0}) for n in range(10)))
    assert [answer.result["result"] for answer in answers] == list(range(10))
    assert len([1 for method, _, _ in sse_gate.seen if method == "GET"]) == 1


@pytest.mark.parametrize(("status", "kind"), [(401, errors.AuthRefused), (503, errors.ServerError)])
async def test_a_refused_post_under_sse_fails_its_call_at_once_and_no_other(sse_gate, make, status, kind):
    agent = make(sse_gate.url)
    await agent.execute("list_tools", {})
    sse_gate.answer = refuse("tools/call", status, {"Retry-After": "3"}, b"no")
    with pytest.raises(kind) as caught:
        await agent.execute("add", {"a": 1, "b": 2})
    assert caught.value.retry_after == 3
    sse_gate.answer = lambda message, headers: None
    assert (await agent.execute("add", {"a": 1, "b": 2})).result == {"result": 3}
    assert len([1 for method, _, _ in sse_gate.seen if method == "GET"]) == 1


async def test_refused_credentials_are_told_as_such_when_an_sse_session_is_opened(sse_gate, make):
    sse_gate.answer = lambda message, headers: (401, {}, b"")
    with pytest.raises(errors.AuthRefused):
        await make(sse_gate.url).execute("add", {"a": 1, "b": 2})


async def test_a_timeout_under_sse_leaves_the_session_in_order(sse_gate, make, calling):
    agent = make(sse_gate.url)
    await agent.execute("list_tools", {})
    with calling(timeout=0.2), pytest.raises(errors.AgentTimeout):
        await agent.execute("wait", {"seconds": 60})
    assert (await agent.execute("add", {"a": 1, "b": 2})).result == {"result": 3}


async def test_a_session_that_is_forgotten_at_once_is_a_connection_that_failed(gate, make):
    def answer(message: dict[str, Any], headers: dict[str, str]) -> Any:
        return (404, {}, b"") if message.get("method") in ("server/discover", "tools/list") else None

    gate.answer = answer
    with pytest.raises(errors.ConnectionFailed, match="forgot the session, and a new one at once"):
        await make(gate.url).execute("add", {"a": 1, "b": 2})
    assert len(gate.messages("initialize")) == 2


async def test_a_connection_lost_under_sse_costs_one_call(sse_gate, make):
    agent = make(sse_gate.url)
    await agent.execute("list_tools", {})
    whole = sse_gate.app

    async def mute(scope: Any, receive: Any, send: Any) -> None:
        """uvicorn closes the connection of an application that gives no answer."""
        raise ConnectionResetError

    sse_gate.app = mute
    with pytest.raises(errors.ServerError):
        await agent.execute("add", {"a": 1, "b": 2})
    sse_gate.app = whole
    assert (await agent.execute("add", {"a": 1, "b": 2})).result == {"result": 3}


async def test_a_stream_that_is_taken_up_again_brings_its_answer(make, resumable):
    """A server may end the stream of an answer and let the client come back for it."""
    agent = make(resumable.url)
    assert (await agent.execute("wait", {"seconds": 0})).result == "late"
    resumable.size = 30_000
    with pytest.raises(errors.InvalidOutput, match="larger than 20,000 bytes"):
        await make(resumable.url, max_response_bytes=20_000).execute("wait", {"seconds": 0})


async def test_the_proxy_of_the_environment_is_used_but_for_hosts_left_out(
    workshop, make, monkeypatch, closed_port
):
    monkeypatch.setenv("http_proxy", f"127.0.0.1:{closed_port}")
    with pytest.raises(errors.ConnectionFailed):
        await make(workshop).execute("add", {"a": 1, "b": 2})
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port}")
    with pytest.raises(errors.ConnectionFailed):
        await make(workshop).execute("add", {"a": 1, "b": 2})
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert (await make(workshop).execute("add", {"a": 1, "b": 2})).result == {"result": 3}


async def test_a_packed_answer_under_sse_fails_its_call_at_once(sse_gate, make):
    agent = make(sse_gate.url)
    await agent.execute("list_tools", {})
    sse_gate.answer = refuse("tools/call", 202, {"Content-Encoding": "br"}, b"?")
    with pytest.raises(errors.InvalidOutput, match='content encoding "br"'):
        await agent.execute("add", {"a": 1, "b": 2})


async def test_a_stream_is_not_taken_up_again_for_a_call_that_is_over(gate):
    import httpx2

    from leadagent_prefect.agents.mcp.endpoint import server_of
    from leadagent_prefect.agents.mcp.exchange import Exchange, current_exchange
    from leadagent_prefect.agents.mcp.http import AbsorbingTransport
    from leadagent_prefect.models import AgentConfig

    server = server_of(AgentConfig(name="m", type="mcp_server", endpoint=gate.url))
    current_exchange.set(Exchange(over=True))
    async with httpx2.AsyncClient(transport=AbsorbingTransport(server, None, lambda: None)) as client:
        assert (await client.get(gate.url, headers={"last-event-id": "1"})).status_code == 405
    assert gate.seen == []
