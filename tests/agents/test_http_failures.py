"""http_api: every way a request can fail, its error class, and the limits of time, size and reach."""

from __future__ import annotations

import asyncio
import gzip
import zlib

import anyio
import pytest
import respx

from leadagent_prefect.agents.base import Call
from leadagent_prefect.errors import (
    AgentError,
    AgentMisconfigured,
    AgentTimeout,
    ClientError,
    ConnectionFailed,
    InternalError,
    InvalidOutput,
)

SHORT = Call(timeout=0.2)
MEGABYTE = 1024 * 1024


@pytest.mark.parametrize(
    ("status", "error_class"),
    [
        (400, "client_error"),
        (401, "auth"),
        (403, "auth"),
        (404, "client_error"),
        (408, "timeout"),
        (409, "client_error"),
        (425, "rate_limit"),
        (429, "rate_limit"),
        (500, "server_error"),
        (503, "server_error"),
        (529, "server_error"),
        (304, "client_error"),
    ],
)
async def test_a_status_decides_the_error_class(service, reply, ask, status, error_class):
    service.says(reply(status, headers={"Retry-After": "7"}))
    with pytest.raises(AgentError, match=f"answered {status}") as caught:
        await ask(service.url)
    assert (caught.value.error_class, caught.value.retry_after) == (error_class, 7.0)
    assert caught.value.metadata["status"] == status


async def test_refused_credentials_say_so_and_are_not_in_the_message(service, reply, ask):
    service.says(reply(401, body="who are you?"))
    with pytest.raises(AgentError) as caught:
        await ask(service.url, authentication={"type": "bearer", "token": "CANARY-TOKEN"})
    assert str(caught.value) == (
        f"GET {service.url} answered 401 Unauthorized (the agent's authentication was refused): who are you?"
    )
    assert caught.value.__cause__ is None


async def test_nobody_listening_is_a_connection_error(ask, unused_tcp_port):
    with pytest.raises(ConnectionFailed, match=rf"GET http://127\.0\.0\.1:{unused_tcp_port}/x: ConnectError"):
        await ask(f"http://127.0.0.1:{unused_tcp_port}", {"endpoint": "x", "params": {"k": "v"}})


async def test_a_connection_that_is_cut_is_a_connection_error(service, ask):
    async def cut(request, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        writer.close()

    service.says(cut)
    with pytest.raises(ConnectionFailed):
        await ask(service.url)


async def test_an_answer_that_is_not_http_is_a_connection_error(service, ask):
    async def garble(request, writer):
        writer.write(b"220 smtp.example ESMTP\r\n\r\n")

    service.says(garble)
    with pytest.raises(ConnectionFailed, match="RemoteProtocolError"):
        await ask(service.url)


async def hang(request, writer):
    await asyncio.Event().wait()


async def test_no_answer_within_the_timeout_is_a_timeout(service, ask):
    service.says(hang)
    with pytest.raises(AgentTimeout, match=r"GET http://\S+: no complete answer within 0\.2 s"):
        await ask(service.url, call=SHORT)


async def test_the_timeout_of_the_parameters_goes_before_that_of_the_call(service, ask):
    service.says(hang)
    with pytest.raises(AgentTimeout, match=r"within 0\.1 s"):
        await ask(service.url, {"timeout": "100ms"}, call=Call(timeout=60))


async def test_a_body_that_drips_does_not_outlive_the_timeout(service, ask):
    async def drip(request, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await anyio.sleep(0.01)

    service.says(drip)
    with pytest.raises(AgentTimeout):
        await ask(service.url, call=SHORT)


async def test_headers_that_drip_do_not_outlive_the_timeout(service, ask):
    async def drip(request, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X: y\r\n")
            await writer.drain()
            await anyio.sleep(0.01)

    service.says(drip)
    with pytest.raises(AgentTimeout):
        await ask(service.url, call=SHORT)


@pytest.mark.parametrize("how", ["hangs", "is cut", "is broken gzip", "is unknown"])
async def test_a_refusal_stays_one_though_its_body_never_ends(service, ask, how):
    async def refuse(request, writer):
        encoding = {"is broken gzip": "gzip", "is unknown": "br"}.get(how, "identity")
        head = f"HTTP/1.1 403 No\r\nContent-Encoding: {encoding}\r\nContent-Length: 100\r\n\r\nhalf"
        writer.write(head.encode())
        if how != "hangs":
            writer.close()
        else:
            await hang(request, writer)

    service.says(refuse)
    with pytest.raises(AgentError, match="answered 403 Forbidden") as caught:
        await ask(service.url, call=SHORT)
    assert caught.value.error_class == "auth"


async def test_a_client_answers_again_after_a_timeout(service, reply, made_agent):
    service.says(hang, reply(body={"ok": True}))
    agent = await made_agent(service.url)
    with pytest.raises(AgentTimeout):
        await agent.execute("get", {"timeout": 0.1})
    assert (await agent.execute("get", {})).result == {"ok": True}


async def test_a_cancelled_call_is_cancelled_and_not_an_error(service, ask):
    service.says(hang)
    with anyio.move_on_after(0.1) as scope:
        await ask(service.url)
    assert scope.cancelled_caught


async def test_an_agent_serves_without_open_and_again_after_close(service, reply, made_agent):
    service.says(reply(body=[1]))
    agent = await made_agent(service.url)
    await agent.close()
    assert (await agent.execute("get", {})).result == [1]


async def test_an_agent_that_was_never_used_closes_too(service, made_agent):
    agent = await made_agent(service.url)
    await agent.close()
    await agent.close()
    assert service.connections == 0


@pytest.mark.parametrize("proxy", ["gopher://u:CANARY@h", "http://u:CANARY@h:x"])
async def test_a_proxy_that_cannot_be_used_is_a_configuration_error(service, ask, monkeypatch, proxy):
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(AgentMisconfigured, match="check HTTP_PROXY, HTTPS_PROXY") as caught:
        await ask(service.url)
    assert "CANARY" not in f"{caught.value}"


async def test_what_nobody_foresaw_is_an_internal_error_with_its_cause(ask):
    with respx.mock(using="httpcore") as router:
        router.get("http://service.example/").mock(side_effect=ZeroDivisionError("odd"))
        with pytest.raises(InternalError, match="ZeroDivisionError: odd") as caught:
            await ask("http://service.example")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


# --- size and packing -------------------------------------------------------------------------------


def small(limit: int) -> dict:
    return {"custom_params": {"max_response_bytes": limit}}


async def test_an_answer_of_exactly_the_limit_passes_and_one_byte_more_does_not(service, reply, ask):
    service.says(reply(body="x" * 1000), reply(body="x" * 1001))
    assert len((await ask(service.url, **small(1000))).result) == 1000
    with pytest.raises(InvalidOutput, match=r"GET http://\S+: larger than 1,000 bytes"):
        await ask(service.url, **small(1000))


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_packed_bomb_ends_at_the_limit(service, reply, ask, encoding):
    pack = {"gzip": gzip.compress, "deflate": zlib.compress}[encoding]
    service.says(reply(body=pack(bytes(20 * MEGABYTE)), headers={"Content-Encoding": encoding}))
    with pytest.raises(InvalidOutput, match="larger than 1,048,576 bytes"):
        await ask(service.url, **small(MEGABYTE))


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


TEXT = bytes(range(256)) * 1000


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("identity", TEXT),
        ("gzip", gzip.compress(TEXT, mtime=0)),
        ("X-GZIP", gzip.compress(TEXT, mtime=0)),
        ("gzip", gzip.compress(TEXT[:7], mtime=0) + gzip.compress(TEXT[7:], mtime=0) + bytes(8)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", raw_deflate(TEXT) + b"padding"),
    ],
    ids=["plain", "gzip", "x-gzip", "gzip in members", "deflate", "bare deflate"],
)
@pytest.mark.parametrize("step", [1_000_000, 1])
async def test_a_packed_body_is_unpacked_however_it_is_cut(service, ask, encoding, body, step):
    async def answer(request, writer):
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Type: text/x; charset=latin-1\r\n"
        writer.write(head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode())
        for at in range(0, len(body), step):
            writer.write(body[at : at + step])
            await writer.drain()

    service.says(answer)
    assert (await ask(service.url)).result.encode("latin-1") == TEXT


@pytest.mark.parametrize(
    ("encoding", "body", "message"),
    [
        ("gzip", gzip.compress(TEXT, mtime=0)[:-9], "cut off"),
        ("gzip", b"no gzip", "broken"),
        ("br", b"x", 'content encoding is "br"'),
        ("gzip, gzip", b"x", 'content encoding is "gzip, gzip"'),
    ],
)
async def test_a_body_that_cannot_be_unpacked_is_invalid_output(service, reply, ask, encoding, body, message):
    service.says(reply(body=body, headers={"Content-Encoding": encoding}))
    with pytest.raises(InvalidOutput, match=message):
        await ask(service.url)


# --- redirects --------------------------------------------------------------------------------------

FOLLOW = {"custom_params": {"follow_redirects": True}}


async def test_a_redirect_is_not_followed_and_its_target_is_named_without_secrets(service, reply, ask):
    service.says(reply(302, headers={"Location": "https://u:CANARY@other.example/login?next=CANARY#CANARY"}))
    with pytest.raises(
        ClientError, match=r"answered 302 Found \(redirects to https://other\.example/login;"
    ) as caught:
        await ask(service.url)
    assert "CANARY" not in str(caught.value)
    assert caught.value.metadata["headers"]["location"] == "https://other.example/login"
    assert len(service.requests) == 1


@pytest.mark.parametrize("location", [None, "http://[::1", "http://h:x/"])
async def test_a_redirect_without_a_usable_target_is_a_client_error(service, reply, ask, location):
    service.says(reply(301, headers={"Location": location} if location else {}))
    with pytest.raises(ClientError, match="answered 301 Moved Permanently"):
        await ask(service.url, **FOLLOW)


@pytest.mark.parametrize(
    ("status", "method", "then", "body"),
    [
        (301, "POST", "GET", b""),
        (302, "POST", "GET", b""),
        (302, "PUT", "PUT", b"{}"),
        (303, "PUT", "GET", b""),
        (303, "HEAD", "HEAD", b""),
        (307, "POST", "POST", b"{}"),
        (308, "PATCH", "PATCH", b"{}"),
    ],
)
async def test_a_redirect_within_the_origin_is_followed(service, reply, ask, status, method, then, body):
    service.says(reply(status, headers={"Location": "../new?a=1#x"}), reply(body=[1]))
    given = {} if method == "HEAD" else {"json": {}}
    token = {"type": "bearer", "token": "t0ken"}
    response = await ask(
        service.url, {"endpoint": "/old/x", **given}, action=method, authentication=token, **FOLLOW
    )
    assert response.metadata["url"] == service.url + "/new"
    assert (service.last.method, service.last.target, service.last.body) == (then, "/new?a=1", body)
    assert service.last.headers["authorization"] == "Bearer t0ken"
    assert ("content-type" in service.last.headers) is bool(body)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_to_another_origin_is_refused_and_nothing_travels_there(
    service, other_service, reply, ask, status
):
    service.says(reply(status, headers={"Location": other_service.url + "/steal?k=CANARY"}))
    with pytest.raises(ClientError, match="another origin") as caught:
        await ask(service.url, authentication={"type": "api_key", "key": "CANARY"}, **FOLLOW)
    assert other_service.connections == 0
    assert "CANARY" not in str(caught.value)
    assert caught.value.metadata == {"status": status}


async def test_user_info_in_a_target_does_not_replace_the_credentials(service, reply, ask):
    target = service.url.replace("//", "//evil:evil@") + "/new"
    service.says(reply(307, headers={"Location": target}), reply())
    await ask(service.url, authentication={"type": "bearer", "token": "mine"}, **FOLLOW)
    assert service.last.headers["authorization"] == "Bearer mine"


async def test_redirects_end(service, reply, ask):
    service.says(reply(302, headers={"Location": "/again"}))
    with pytest.raises(ClientError, match="more than 10 redirects") as caught:
        await ask(service.url, **FOLLOW)
    assert len(service.requests) == 11
    assert caught.value.metadata == {"status": 302}


async def test_a_status_that_is_no_redirect_is_not_followed(service, reply, ask):
    service.says(reply(300, headers={"Location": "/choice"}))
    with pytest.raises(ClientError, match="answered 300 Multiple Choices"):
        await ask(service.url, **FOLLOW)
