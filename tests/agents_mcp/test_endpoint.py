from __future__ import annotations

from typing import Any

import pytest

from leadagent_prefect.agents.mcp.endpoint import PARAMS, HttpServer, StdioServer, server_of
from leadagent_prefect.checks.agents import MCP_HTTP_PARAMS, MCP_STDIO_PARAMS
from leadagent_prefect.errors import AgentMisconfigured
from leadagent_prefect.models import AgentConfig


def server(endpoint: str | None = None, authentication: Any = None, **custom_params: Any) -> Any:
    config = {"name": "m", "type": "mcp_server", "endpoint": endpoint, "custom_params": custom_params}
    if authentication:
        config["authentication"] = authentication
    return server_of(AgentConfig.model_validate(config))


def test_a_url_is_streamable_http():
    found = server("https://user:p%40ss@host:8443/mcp?team=a#x", user_agent="me/1")
    assert isinstance(found, HttpServer)
    assert (found.url, found.label, found.sse) == (
        "https://host:8443/mcp?team=a",
        "https://host:8443/mcp",
        False,
    )
    assert found.headers == {"authorization": "Basic dXNlcjpwQHNz", "user-agent": "me/1"}
    assert found.limit == 10 * 1024 * 1024


@pytest.mark.parametrize("scheme", ["sse+https", "SSE+HTTPS"])
def test_a_url_may_say_that_it_is_sse(scheme):
    found = server(f"{scheme}://host/sse")
    assert (found.url, found.sse) == ("https://host/sse", True)
    assert server("https://host/sse", transport="sse").sse


def test_authentication_goes_before_headers_and_user_info():
    auth = {"type": "api_key", "key": "k"}
    assert server("https://u:p@host", auth, headers={"X-API-Key": "other"}).headers["x-api-key"] == "k"
    assert server("https://u:p@host", {"type": "bearer", "token": "t"}).headers["authorization"] == "Bearer t"


def test_neither_credentials_nor_arguments_stand_in_the_representation():
    shown = repr(server("https://u:canary@host/mcp?key=canary", {"type": "bearer", "token": "canary"}))
    assert "canary" not in shown
    assert "canary" not in repr(server("stdio:cmd --key canary", env={"KEY": "canary"}))


def test_a_command_line_is_split_as_a_shell_would_without_one():
    found = server("stdio:npx -y 'a package' $HOME ; rm")
    assert isinstance(found, StdioServer)
    assert (found.command, found.args) == ("npx", ("-y", "a package", "$HOME", ";", "rm"))
    assert found.label == "stdio:npx"


def test_a_command_may_stand_in_custom_params(tmp_path):
    found = server(command="npx", args=["-y", 1, 2.5], env={"A": 1}, cwd=str(tmp_path), max_response_bytes=5)
    assert found == StdioServer("npx", ("-y", "1", "2.5"), {"A": "1"}, str(tmp_path), 5)
    assert server("stdio:", command="npx").command == "npx"


@pytest.mark.parametrize(
    ("endpoint", "params", "words"),
    [
        (None, {}, "endpoint is missing"),
        ("ftp://host", {}, "must be an http or https URL"),
        (
            "https://host",
            {"transport": "websocket"},
            "'websocket', expected one of streamable_http, sse, stdio",
        ),
        ("stdio:cmd", {"transport": "sse"}, 'transport is "sse", but its endpoint says "stdio"'),
        ("sse+https://host", {"transport": "streamable_http"}, 'but its endpoint says "sse"'),
        ("npx server", {"transport": "stdio"}, 'begins with "stdio:"'),
        ("https://host", {"command": "npx"}, 'begins with "stdio:"'),
        ("https://host", {"transport": "sse", "command": "npx"}, 'has no "command"'),
        ("stdio:cmd", {"header": {}}, 'has no "header"'),
        ("stdio:cmd", {"command": "npx"}, "names its command twice"),
        ("stdio:cmd", {"args": ["x"]}, "names its command twice"),
        ("stdio:'cmd", {}, "its endpoint is no command line: No closing quotation"),
        ("stdio:cmd \0", {}, "text without NUL"),
        ("stdio:", {}, "names no command"),
        (None, {"command": ["npx"]}, "custom_params.command must be text without NUL, not list"),
        (None, {"command": "npx", "args": "-y"}, "custom_params.args is not a list"),
        (
            None,
            {"command": "npx", "args": [True]},
            r"custom_params.args\[0\] must be text without NUL, not bool",
        ),
        (None, {"command": "npx", "env": ["A"]}, "custom_params.env is not a mapping"),
        (None, {"command": "npx", "env": {"A=B": "1"}}, "'A=B' is no name of a variable"),
        (
            None,
            {"command": "npx", "env": {"A": None}},
            "custom_params.env.A must be text without NUL, not NoneType",
        ),
        (None, {"command": "npx", "cwd": "/no/such/folder"}, 'there is no folder "/no/such/folder"'),
        (None, {"command": "npx", "max_response_bytes": 0}, "max_response_bytes is 0"),
        ("https://host", {"headers": {"a b": "c"}}, "no header name"),
    ],
)
def test_what_is_wrong_is_named(endpoint, params, words):
    with pytest.raises(AgentMisconfigured, match=words):
        server(endpoint, **params)


def test_authentication_of_a_child_process_is_refused_with_the_way_to_give_it():
    with pytest.raises(AgentMisconfigured, match=r"give the credential in custom_params\.env"):
        server("stdio:cmd", {"type": "bearer", "token": "t"})


@pytest.mark.parametrize("key", sorted(PARAMS))
@pytest.mark.parametrize(
    ("known", "endpoint"), [(MCP_HTTP_PARAMS, "sse+https://host"), (MCP_STDIO_PARAMS, "stdio:cmd")]
)
def test_a_key_is_unknown_here_where_the_check_of_a_file_finds_it_unknown(key, known, endpoint):
    with pytest.raises(AgentMisconfigured) as caught:
        server(endpoint, **{key: ["x"]})
    assert (f'has no "{key}"' in caught.value.message) is (key not in known)
