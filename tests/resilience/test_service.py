"""Which agents share a breaker and limits."""

from __future__ import annotations

import re

import pytest

from leadagent_prefect.resilience.service import service_of

A = ("http_api", "https://api.example.com/v1", {})


@pytest.mark.parametrize(
    "other",
    [
        ("http_api", "https://API.example.com:443/v2?x=1", {"user_agent": "x"}),
        ("http_api", "https://user:password@api.example.com", {}),
        ("http_api", " https://api.example.com ", {}),
    ],
)
def test_agents_of_one_type_and_origin_are_one_service(other):
    assert service_of(*A) == service_of(*other)
    assert service_of(*A).label == "http_api https://api.example.com"


@pytest.mark.parametrize(
    "other",
    [
        ("ai_agent", "https://api.example.com/v1", {}),
        ("http_api", "http://api.example.com/v1", {}),
        ("http_api", "https://api.example.com:8443", {}),
        ("http_api", "https://[::1]:8443", {}),
        ("http_api", "https://api.example.com:0", {}),
        ("http_api", "https://api.example.com:port", {}),
        ("http_api", None, {}),
        ("custom", "https://api.example.com/v1", {"class": "m:C"}),
        ("mcp_server", "https://api.example.com/v1", {}),
    ],
)
def test_others_are_others(other):
    assert service_of(*A).name != service_of(*other).name


def test_a_stdio_server_is_told_by_its_command_line():
    first = service_of("mcp_server", "stdio:npx server --key s3cret", {})

    assert first == service_of("mcp_server", None, {"command": "npx", "args": ["server", "--key", "s3cret"]})
    assert first.name != service_of("mcp_server", "stdio:npx server --key other", {}).name
    assert first.name != service_of("mcp_server", None, {"command": "npx", "args": "odd"}).name
    assert first.label == "mcp_server stdio:npx"
    assert "s3cret" not in first.name
    assert service_of("mcp_server", "stdio:'unclosed", {}).label == "mcp_server stdio:'unclosed"


def test_a_custom_agent_is_told_by_class_and_endpoint():
    first = service_of("custom", "https://u:p@host/a?key=s3cret", {"class": "m:C"})

    assert first.label == "m:C https://host/a"
    assert first == service_of("custom", "https://host/a", {"class": "m:C"})
    assert first.name != service_of("custom", "https://host/b", {"class": "m:C"}).name
    assert first.name != service_of("custom", "https://host/a", {"class": "m:D"}).name
    assert service_of("custom", "queue-1", {}).name != service_of("custom", "queue-2", {}).name


def test_mcp_over_sse_is_told_by_its_origin():
    assert service_of("mcp_server", "sse+https://h/sse", {}).label == "mcp_server https://h"
    assert service_of("http_api", "http://[::1]:81", {}).label == "http_api http://[::1]:81"


def test_names_are_fit_for_blocks_and_limits():
    for given in (A, ("t" * 200, None, {}), ("ü", "日本", {})):
        assert re.fullmatch(r"[a-z0-9-]{1,60}", service_of(*given).name)


def test_runs_of_different_owners_share_no_service():
    first = service_of(*A)

    assert first.within("") is first
    one, other = first.within("1a2b3c4d"), first.within("local")
    assert len({first.name, one.name, other.name}) == 3
    assert one == service_of(*A).within("1a2b3c4d")
    assert one.label == "http_api https://api.example.com of 1a2b3c4d"
