"""Agents: types that come from elsewhere than the file, and agreement with the agents themselves."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from leadagent_prefect import agent_types
from leadagent_prefect.agents import headers, registry
from leadagent_prefect.agents.ai_agent import AIAgent
from leadagent_prefect.agents.base import BaseAgent
from leadagent_prefect.agents.http_api import METHODS, PARAMETERS, HTTPAgent
from leadagent_prefect.agents.mcp import endpoint
from leadagent_prefect.checks import agents, credentials, http
from leadagent_prefect.diagnostics import render_text
from leadagent_prefect.loader import examine, read
from leadagent_prefect.results import AgentResponse


class Mine(BaseAgent):
    async def execute(self, action, parameters):
        return AgentResponse(success=True)


@pytest.fixture
def registered():
    def register(name):
        registry.AgentFactory.register_agent_type(name, Mine)
        names.append(name)

    names: list[str] = []
    yield register
    for name in names:
        registry.AgentFactory.unregister_agent_type(name)


def test_a_type_registered_in_this_process_is_known(workflow, found, registered):
    data = workflow({"type": "mine", "endpoint": "mine://anywhere", "custom_params": {"any": 1}})
    assert [code for code, _ in found(data)] == ["unknown-agent-type"]
    registered("mine")
    assert found(data) == []


def test_a_class_registered_for_custom_serves_agents_that_name_none(workflow, found, registered):
    data = workflow({"type": "custom", "endpoint": "custom://endpoint"})
    assert [code for code, _ in found(data)] == ["unknown-agent-type"]
    registered("custom")
    assert found(data) == []


def test_a_type_of_an_installed_package_is_known(workflow, found, monkeypatch):
    entry = EntryPoint("packaged", "package:Agent", agent_types.GROUP)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda *, group: [entry])
    assert found(workflow({"type": "packaged"})) == []
    assert [code for code, _ in found(workflow({"type": "pakaged"}))] == ["unknown-agent-type"]


def test_the_checks_know_what_the_agents_know():
    assert frozenset(registry.BUILT_IN) == agent_types.BUILT_IN
    assert HTTPAgent.known_params == agents.HTTP_PARAMS
    assert AIAgent.known_params == agents.AI_PARAMS
    assert agents.MCP_HTTP_PARAMS == endpoint._HTTP
    assert agents.MCP_STDIO_PARAMS == endpoint._STDIO
    assert set(http.METHODS) == METHODS
    assert set(http.PARAMETERS) == PARAMETERS
    assert credentials.FORBIDDEN == headers._FORBIDDEN
    assert credentials.LONGEST == headers._MAX_VALUE
    assert credentials._TOKEN.pattern == headers._TOKEN.pattern
    assert credentials._VALUE.pattern == headers._VALUE.pattern


@pytest.mark.parametrize(
    "agent",
    [
        {"endpoint": "https://{{ env.HOST }}/v2"},
        {"endpoint": "{{ env.URL }}", "custom_params": {"headers": {"X": "{{ env.X }}", "Y": None, "Z": 3}}},
        {"authentication": {"type": "basic", "username": "{{ env.U }}", "password": "{{ secrets.P }}"}},
        {"custom_params": {"verify": "{{ env.CA }}", "max_response_bytes": 1, "follow_redirects": True}},
        {"type": "mcp_server", "endpoint": "sse+https://example.com/sse"},
        {"type": "mcp_server", "endpoint": "stdio:run 'a b'", "custom_params": {"env": {"A": "b"}}},
        {"type": "mcp_server", "endpoint": "", "custom_params": {"command": "run", "args": ["-x"]}},
        {"type": "custom", "custom_params": {"class": "{{ env.CLASS }}"}},
    ],
)
def test_agents_that_are_right_as_far_as_can_be_seen(workflow, found, agent):
    assert found(workflow(agent)) == []


def test_an_endpoint_of_a_wrong_type_is_reported_once(workflow, found):
    for kind in ("http_api", "mcp_server"):
        assert [code for code, _ in found(workflow({"type": kind, "endpoint": 3}))] == ["wrong-type"]


def test_a_header_has_a_bounded_length(workflow, found):
    data = workflow(task={"parameters": {"headers": {"X": "a" * 9000}}})
    message = (
        'tasks[0].parameters.headers.X: task "fetch": the value has 9000 characters; a header takes 8192'
    )
    assert found(data) == [("invalid-header", message)]


def test_a_literal_credential_is_not_shown_with_its_warning():
    text = (
        "name: w\nagents:\n  - name: a\n    type: http_api\n    endpoint: https://me:CANARY@example.com\n"
        "    authentication: {type: bearer, token: CANARY}\n"
        "tasks:\n  - {name: t, agent_name: a, action: GET}\n"
    )
    _, diagnostics = examine(read(text))
    assert [diagnostic.code for diagnostic in diagnostics] == ["literal-credential"] * 2
    assert "CANARY" not in render_text(diagnostics)
