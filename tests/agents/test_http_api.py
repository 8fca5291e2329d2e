"""http_api: what goes over the wire for a task's parameters, and what comes of the answer."""

from __future__ import annotations

import json

import pytest

from leadagent_prefect.agents.base import Call
from leadagent_prefect.errors import AgentMisconfigured, ClientError, InvalidOutput

# --- the request ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "parameters", "method"),
    [
        ("fetch", {}, "GET"),
        ("post", {}, "POST"),
        ("DELETE", {}, "DELETE"),
        ("post", {"method": "put"}, "PUT"),
        ("search", {}, "GET"),
        ("fetch", {"method": "PROPFIND"}, "PROPFIND"),
    ],
)
async def test_the_method_is_the_given_one_or_the_action_or_get(service, ask, action, parameters, method):
    await ask(service.url, parameters, action=action)
    assert service.last.method == method


@pytest.mark.parametrize(
    ("base", "endpoint", "target"),
    [
        ("", None, "/"),
        ("/v1", None, "/v1"),
        ("/v1/", "", "/v1/"),
        ("/v1", "/posts/1", "/v1/posts/1"),
        ("/v1/", "posts/1", "/v1/posts/1"),
        ("/v1", "?a=1", "/v1?a=1"),
        ("/v1?key=k", "posts?a=1", "/v1/posts?key=k&a=1"),
        ("/v1", "posts#part", "/v1/posts"),
        ("", "//evil.example/x", "//evil.example/x"),
        ("", "@evil.example/x", "/@evil.example/x"),
        ("", ".evil.example", "/.evil.example"),
        ("", ":99/x", "/:99/x"),
        ("/v1", "a b/é", "/v1/a%20b/%C3%A9"),
        ("", "http:/evil.example", "/http:/evil.example"),
    ],
)
async def test_an_endpoint_is_a_path_below_the_base_whatever_it_looks_like(
    service, ask, base, endpoint, target
):
    await ask(service.url + base, {"endpoint": endpoint})
    assert service.last.target == target


async def test_a_backslash_does_not_lead_to_another_host(service, ask):
    await ask(service.url, {"endpoint": "\\\\evil.example\\x"})
    assert service.last.headers["host"] == service.url.removeprefix("http://")


async def test_an_absolute_url_of_the_same_origin_is_taken_as_it_is(service, ask):
    await ask(service.url + "/v1", {"endpoint": service.url + "/other?a=1", "params": {"b": 2}})
    assert service.last.target == "/other?a=1&b=2"


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.2/x?k=SECRETQ", "https://127.0.0.1/x", "ftp://127.0.0.1/x", "http://x:SECRETP@{host}/"],
)
async def test_an_absolute_url_that_leaves_the_origin_is_refused_before_any_request(service, ask, url):
    with pytest.raises(AgentMisconfigured, match="endpoint") as caught:
        await ask(service.url, {"endpoint": url.replace("{host}", service.url[7:])})
    assert service.connections == 0
    assert "SECRET" not in str(caught.value)


async def test_params_are_added_to_the_query(service, ask):
    params = {"q": "a b&c", "n": 1.5, "on": True, "tags": ["x", "y"], "no": None}
    await ask(service.url, {"endpoint": "/s?z=1", "params": params})
    assert service.last.target == "/s?z=1&q=a+b%26c&n=1.5&on=true&tags=x&tags=y"


@pytest.mark.parametrize("key", ["json", "body"])
async def test_json_is_sent_compact_and_with_its_content_type(service, ask, key):
    await ask(service.url, {key: {"a": [1, "é"]}}, action="post")
    assert service.last.body == '{"a":[1,"é"]}'.encode()
    assert service.last.headers["content-type"] == "application/json"


async def test_a_null_body_is_none(service, ask):
    await ask(service.url, {"json": None}, action="post")
    assert service.last.body == b""
    assert "content-type" not in service.last.headers


async def test_data_is_a_form(service, ask):
    await ask(service.url, {"data": {"a": "1 2", "b": [True, 3]}}, action="post")
    assert service.last.body == b"a=1+2&b=true&b=3"
    assert service.last.headers["content-type"] == "application/x-www-form-urlencoded"


async def test_data_may_be_text_with_a_content_type_of_its_own(service, ask):
    await ask(service.url, {"data": "<a/>", "headers": {"Content-Type": "application/xml"}}, action="post")
    assert (service.last.body, service.last.headers["content-type"]) == (b"<a/>", "application/xml")


async def test_headers_of_the_task_go_over_those_of_the_agent(service, ask):
    params = {"headers": {"X-A": "agent", "X-B": "agent"}, "user_agent": "LeadAgent/1.0"}
    await ask(service.url, {"headers": {"x-a": 7, "X-C": None, "X-D": False}}, custom_params=params)
    headers = service.last.headers
    assert (headers["x-a"], headers["x-b"], headers["x-d"]) == ("7", "agent", "false")
    assert "x-c" not in headers
    assert headers["user-agent"] == "LeadAgent/1.0"
    assert headers["accept-encoding"] == "gzip, deflate"


async def test_without_a_user_agent_leadagent_names_itself(service, ask):
    await ask(service.url)
    assert service.last.headers["user-agent"].startswith("leadagent/")


async def test_every_request_carries_the_idempotency_key_of_the_call(service, ask):
    call = Call(idempotency_key="k-1", timeout=20)
    await ask(service.url, call=call)
    assert service.last.headers["idempotency-key"] == "k-1"
    await ask(service.url, {"headers": {"Idempotency-Key": "mine"}}, call=call)
    assert service.last.headers["idempotency-key"] == "mine"


async def test_cookies_are_not_carried_from_one_call_to_the_next(service, reply, made_agent):
    service.says(reply(headers={"Set-Cookie": "s=1; Path=/"}))
    agent = await made_agent(service.url)
    await agent.execute("get", {})
    await agent.execute("get", {})
    assert "cookie" not in service.last.headers
    assert service.connections == 1


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"methd": "GET"}, 'has no "methd"; did you mean "method"'),
        ({"method": "GET /x"}, "parameters.method"),
        ({"method": 5}, "parameters.method"),
        ({"method": "CONNECT"}, "parameters.method"),
        ({"endpoint": 5}, "parameters.endpoint"),
        ({"params": [1]}, "parameters.params"),
        ({"params": {"a": {"b": 1}}}, "parameters.params.a"),
        ({"params": {"a": float("nan")}}, "parameters.params.a"),
        ({"json": {}, "data": {}}, "both json and data"),
        ({"json": {"a": float("inf")}}, "parameters.json"),
        ({"json": {"a": {1}}}, "parameters.json"),
        ({"json": "\ud800"}, "parameters.json"),
        ({"data": 5}, "parameters.data"),
        ({"timeout": -1}, "parameters.timeout"),
        ({"headers": "x"}, "parameters.headers must be a mapping"),
        ({"headers": {"a b": "1"}}, "no header name"),
        ({"headers": {"X-A\r\nX-Evil": "1"}}, "no header name"),
        ({"headers": {"Host": "evil"}}, "set by the client"),
        ({"headers": {"Content-Length": "3"}}, "set by the client"),
        ({"headers": {"X": "a\r\nb"}}, "line break"),
        ({"headers": {"X": "é"}}, "outside ASCII"),
        ({"headers": {"X": ["a"]}}, "must be text, not list"),
        ({"headers": {"X": "a" * 8193}}, "8193 characters"),
        ({"endpoint": "/a\nb"}, "no valid URL"),
        ({"endpoint": "/\ud800"}, "no valid URL"),
    ],
)
async def test_a_parameter_that_cannot_be_sent_is_an_error_before_any_request(
    service, ask, parameters, message
):
    with pytest.raises(AgentMisconfigured, match=message):
        await ask(service.url, parameters)
    assert service.connections == 0


@pytest.mark.parametrize(
    ("agent", "message"),
    [
        ({"endpoint": None}, "endpoint is missing"),
        ({"endpoint": "localhost:80/x"}, "must be an http or https URL"),
        ({"endpoint": "http://[::1"}, "no valid URL"),
        ({"endpoint": "http://h:99999/"}, "port 99999"),
        ({"endpoint": "http:///x"}, "must be an http"),
        ({"endpoint": "http://h\\@evil/"}, "host or user info"),
        ({"endpoint": "http://h%41/"}, "host or user info"),
        ({"custom_params": {"user_agnet": "x"}}, 'did you mean "user_agent"'),
        ({"custom_params": {"verify": 1}}, "verify is 1, expected true or false or a path"),
        ({"custom_params": {"verify": "/nowhere/ca.pem"}}, "no CA bundle"),
        ({"custom_params": {"follow_redirects": "yes"}}, "follow_redirects"),
        ({"custom_params": {"max_response_bytes": True}}, "max_response_bytes"),
        ({"custom_params": {"max_response_bytes": 0}}, "max_response_bytes"),
    ],
)
async def test_a_wrong_agent_is_an_error_before_any_call(ask, agent, message):
    with pytest.raises(AgentMisconfigured, match=message):
        await ask(**{"endpoint": "http://127.0.0.1:9", **agent})


# --- the answer -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_type", "body", "result"),
    [
        ("application/json", b'{"a": [1, null]}', {"a": [1, None]}),
        ("application/problem+json; charset=utf-8", b"[1]", [1]),
        ("application/json", "\ufeff{}".encode("utf-8"), {}),
        ("application/json; charset=latin-1", b'"\xe9"', "é"),
        ("application/json; charset=utf-8", "\ufeff[1]".encode(), [1]),
        ("application/json; charset=ascii", '"é"'.encode(), "é"),
        ("application/json; charset=idna", '"é"'.encode(), "é"),
        ("application/json; charset=nonsense", b'"x"', "x"),
        ("application/json", b'{"a": 1, "a": 2}', {"a": 2}),
        ("application/json", b'{"\\ud800k": ["x\\udc00", 1]}', {"\ufffdk": ["x\ufffd", 1]}),
        ("application/json", b'"\\ud83d\\ude00"', "\U0001f600"),
        ("application/json", b"", None),
        ("application/json", b"  \n", None),
        ("text/plain", b"[1]", "[1]"),
        ("text/plain; charset=iso-8859-1", b"\xe9", "é"),
        ("text/plain; charset=undefined-thing", "é".encode(), "é"),
        ("text/html", b"\xff", "\ufffd"),
        (None, b"[1]", [1]),
        (None, b"plain", "plain"),
    ],
)
async def test_the_result_is_json_by_content_type_and_text_otherwise(
    service, reply, ask, content_type, body, result
):
    service.says(reply(body=body, headers={"Content-Type": content_type} if content_type else {}))
    assert (await ask(service.url)).result == result


async def test_json_that_is_in_no_charset_it_could_be_in_is_invalid_output(service, reply, ask):
    service.says(reply(body=b'"\xff"', headers={"Content-Type": "application/json; charset=utf-8"}))
    with pytest.raises(InvalidOutput, match="is not valid JSON"):
        await ask(service.url)


@pytest.mark.parametrize("path", ["..", "/../admin", "a/../../b", "%2e%2e/admin", "a%2f..%2fb", "a\\..\\b"])
async def test_a_path_never_leads_out_of_the_agents_own(service, ask, path):
    with pytest.raises(
        AgentMisconfigured, match=r'has "\.\." in its path, which may lead out of .*/v1:'
    ) as caught:
        await ask(service.url.replace("//", "//u:CANARY@") + "/v1?k=CANARY", {"endpoint": path})
    assert "CANARY" not in str(caught.value)
    assert service.requests == []


async def test_dots_within_a_name_are_no_way_out(service, ask):
    await ask(service.url + "/v1", {"endpoint": "compare/a..b?path=../c"})
    assert service.last.target == "/v1/compare/a..b?path=../c"


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"NaN",
        b"[-Infinity]",
        b"[1e999]",
        b"\xff",
        b"1" * 5000,
        b"[" * 100_000 + b"]" * 100_000,
        b"[" * 201 + b"]" * 201,
    ],
    ids=["open", "nan", "infinity", "overflow", "utf-8", "digits", "recursion", "depth"],
)
async def test_json_that_cannot_be_kept_is_invalid_output(service, reply, ask, body):
    service.says(reply(body=body, headers={"Content-Type": "application/json"}))
    with pytest.raises(InvalidOutput, match=r"GET http://127\.0\.0\.1:\d+ answered 200 OK") as caught:
        await ask(service.url)
    assert caught.value.metadata["status"] == 200


async def test_two_hundred_levels_are_not_too_deep(service, reply, ask):
    service.says(reply(body=b"[" * 200 + b"]" * 200, headers={"Content-Type": "application/json"}))
    assert (await ask(service.url)).success


async def test_metadata_has_status_headers_and_time_but_no_credentials(service, reply, ask):
    hidden = {
        "Set-Cookie": "s=CANARY",
        "Authorization": "CANARY",
        "WWW-Authenticate": "CANARY",
        "Proxy-Authenticate": "C",
    }
    service.says(reply(201, body={"id": 1}, headers={"Location": "/1", **hidden}))
    response = await ask(service.url + "/a?key=CANARY", {"params": {"token": "CANARY"}}, action="post")
    assert response.metadata == {
        "status": 201,
        "headers": {"location": "/1", "content-type": "application/json", "content-length": "9"},
        "elapsed": response.metadata["elapsed"],
        "url": service.url + "/a",
    }
    assert response.metadata["elapsed"] > 0
    assert json.dumps(response.metadata)


async def test_head_gives_null_and_the_headers(service, reply, ask):
    service.says(reply(body="x" * 10, headers={"X-Size": "10", "Content-Encoding": "gzip"}))
    response = await ask(service.url, action="head")
    assert (response.result, response.metadata["headers"]["x-size"]) == (None, "10")


async def test_an_accepted_status_is_an_answer(service, reply, ask):
    service.says(reply(404, body={"found": False}))
    response = await ask(service.url, call=Call(timeout=20, accept_status=frozenset({404})))
    assert (response.success, response.result, response.metadata["status"]) == (True, {"found": False}, 404)


async def test_a_failure_says_method_url_status_and_the_beginning_of_the_body(service, reply, ask):
    service.says(reply(404, body="n" * 600, headers={"X-Why": "gone"}))
    with pytest.raises(ClientError) as caught:
        await ask(service.url.replace("//", "//user:CANARY@") + "/a?key=CANARY", {"params": {"k": "CANARY"}})
    assert caught.value.message == f"GET {service.url}/a answered 404 Not Found: " + "n" * 500
    assert (caught.value.metadata["status"], caught.value.metadata["headers"]["x-why"]) == (404, "gone")
    assert "CANARY" not in repr(caught.value.metadata)
