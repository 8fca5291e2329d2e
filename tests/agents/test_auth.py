"""The headers of an agent's authentication, on the wire and in errors."""

from __future__ import annotations

import base64

import pytest

from leadagent_prefect.agents.auth import auth_headers
from leadagent_prefect.agents.base import Call
from leadagent_prefect.errors import AgentError, AgentMisconfigured, AuthRefused
from leadagent_prefect.models import AgentConfig

CASES = [
    ({"type": "bearer", "token": "t0ken"}, {"authorization": "Bearer t0ken"}),
    ({"type": "api_key", "key": "k"}, {"x-api-key": "k"}),
    ({"type": "api_key", "key": "k", "header": "X-Auth"}, {"x-auth": "k"}),
    (
        {"type": "basic", "username": "jörg", "password": "pä:ss"},
        {"authorization": "Basic " + base64.b64encode("jörg:pä:ss".encode()).decode()},
    ),
]


def config(authentication: dict | None) -> AgentConfig:
    return AgentConfig.model_validate({"name": "a", "type": "http_api", "authentication": authentication})


@pytest.mark.parametrize(("authentication", "headers"), [*CASES, (None, {})])
def test_each_form_becomes_its_header(authentication, headers):
    assert auth_headers(config(authentication)) == headers


@pytest.mark.parametrize(("authentication", "headers"), CASES)
async def test_the_header_reaches_the_service(service, ask, authentication, headers):
    await ask(service.url, authentication=authentication)
    assert headers.items() <= service.last.headers.items()


@pytest.mark.parametrize(
    ("authentication", "place"),
    [
        ({"type": "bearer", "token": "CANARY\n"}, "authentication.token holds a line break"),
        ({"type": "api_key", "key": "CANARY\r\nX: y"}, "authentication.key holds a line break"),
        ({"type": "api_key", "key": "CANARYé"}, "authentication.key holds a character outside ASCII"),
        (
            {"type": "api_key", "key": "CANARY", "header": "X A"},
            "authentication.header: 'X A' is no header name",
        ),
        ({"type": "api_key", "key": "CANARY", "header": "Host"}, "set by the client"),
        ({"type": "basic", "username": "a:CANARY", "password": "CANARY"}, "username may not hold a colon"),
    ],
)
def test_a_credential_that_no_header_can_carry_is_named_by_place_and_never_by_value(authentication, place):
    with pytest.raises(AgentMisconfigured, match=place) as caught:
        auth_headers(config(authentication))
    assert "CANARY" not in str(caught.value)


async def test_user_info_of_the_endpoint_is_basic_authentication(service, ask):
    url = service.url.replace("//", "//user:p%40ss@")
    response = await ask(url, {"endpoint": "x"})
    assert service.last.headers["authorization"] == "Basic " + base64.b64encode(b"user:p@ss").decode()
    assert response.metadata["url"] == service.url + "/x"


async def test_authentication_goes_before_user_info_of_the_endpoint(service, ask):
    url = service.url.replace("//", "//user:pass@")
    await ask(url, authentication={"type": "bearer", "token": "t"})
    assert service.last.headers["authorization"] == "Bearer t"


@pytest.mark.parametrize("failure", ["status", "redirect", "body", "json"])
async def test_no_credential_is_in_an_error_or_its_metadata(service, reply, ask, failure):
    service.says(
        {
            "status": reply(500, body="down"),
            "redirect": reply(302, headers={"Location": "http://CANARY@h/?CANARY"}),
            "body": reply(headers={"Content-Encoding": "br"}, body="x"),
            "json": reply(headers={"Content-Type": "application/json"}, body="{"),
        }[failure]
    )
    secrets = {
        "authentication": {"type": "api_key", "key": "CANARY-key"},
        "custom_params": {"headers": {"X-More": "CANARY-header"}},
    }
    with pytest.raises(AgentError) as caught:
        await ask(
            service.url.replace("//", "//u:CANARY@") + "/?k=CANARY", {"params": {"q": "CANARY"}}, **secrets
        )
    error = caught.value
    assert "CANARY" not in f"{error} {error!r} {error.metadata} {error.__cause__}"


async def test_the_parts_of_a_request_do_not_show_headers_or_bodies():
    import httpx

    from leadagent_prefect.agents.exchange import Outgoing

    request = Outgoing("GET", httpx.URL("http://h/"), headers={"a": "CANARY"}, content=b"CANARY")
    assert "CANARY" not in repr(request)


async def test_an_empty_token_is_named(service, ask):
    with pytest.raises(AgentMisconfigured, match=r"authentication\.token is empty"):
        await ask(service.url, authentication={"type": "bearer", "token": " "})


async def test_a_secret_that_an_excerpt_would_cut_is_masked_before(service, reply, ask):
    service.says(reply(401, body="x" * 490 + "CANARY-0123456789"))
    call = Call(timeout=20, redact=lambda text: text.replace("CANARY-0123456789", "***"))
    with pytest.raises(AuthRefused) as caught:
        await ask(service.url, call=call)
    assert str(caught.value).endswith("x" * 490 + "***")
