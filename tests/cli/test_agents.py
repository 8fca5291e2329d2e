"""``leadagent agents``."""

from __future__ import annotations

import pytest

HTTP = """
name: w
inputs: {path: {type: string, default: /a}}
agents:
  - name: api
    type: http_api
    endpoint: "%s{{ inputs.path }}"
    authentication: {type: api_key, key: "{{ secrets.SERVICE_KEY }}", header: X-Key}
tasks: [{name: t, agent_name: api, action: GET}]
"""


@pytest.fixture
def flow(folder, service):
    (folder / "flow.yaml").write_text(HTTP % service.url)
    return "flow.yaml"


def test_the_known_types_are_listed_with_where_they_come_from(leadagent):
    out = leadagent("agents", "list").out
    assert "http_api    leadagent_prefect.agents.http_api:HTTPAgent (built in)\n" in out
    assert set(leadagent("agents", "list", "--json").json) >= {"ai_agent", "custom", "http_api", "mcp_server"}


def test_one_call_is_made_and_its_answer_printed_without_the_secret(leadagent, flow, monkeypatch):
    monkeypatch.setenv("SERVICE_KEY", "canary-4711")
    done = leadagent("agents", "test", flow, "api")
    assert (done.code, done.err) == (0, "")
    assert done.json["success"] is True
    assert done.json["result"] == {"path": "/a", "key": "***"}
    assert "canary" not in done.out


def test_a_refused_call_is_exit_code_1_without_the_secret(leadagent, flow, service, monkeypatch):
    monkeypatch.setenv("SERVICE_KEY", "canary-4711")
    service.answers["/b"] = (500, {"you": "said canary-4711"})
    done = leadagent("agents", "test", flow, "api", "-i", "path=/b")
    assert (done.code, done.json["success"], done.json["error_class"]) == (1, False, "server_error")
    assert "***" in done.json["error"]
    assert "canary" not in done.out


def test_a_secret_that_is_no_environment_variable_is_asked_for(leadagent, flow):
    done = leadagent("agents", "test", flow, "api")
    assert (done.code, done.out) == (2, "")
    assert "no environment variable SERVICE_KEY" in done.err


def test_parameters_may_hold_templates(leadagent, workflow):
    done = leadagent(
        "agents",
        "test",
        workflow(),
        "script",
        "--action",
        "echo",
        "--parameters",
        '{"x": "{{ inputs.count }}"}',
    )
    assert done.json["result"] == {"x": 1}


@pytest.mark.parametrize(
    ("action", "error_class", "said"),
    [
        ("fail", "tool_error", "it broke"),
        ("raise", "internal", "ValueError: bad"),
        ("odd", "invalid_output", "result is a object, which is not JSON data"),
    ],
)
def test_whatever_a_custom_agent_does_is_an_answer(leadagent, workflow, action, error_class, said):
    parameters = '{"error": "bad"}' if action == "raise" else "{}"
    done = leadagent("agents", "test", workflow(), "script", "--action", action, "--parameters", parameters)
    assert (done.code, done.json["error_class"], done.json["error"]) == (1, error_class, said)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("skript",), 'the file has no agent "skript": did you mean "script"? defined: "script"'),
        (("script",), "an agent of type custom has no default action: give --action"),
        (("script", "--action", "x", "--parameters", "{"), "--parameters is not JSON"),
        (("script", "--action", "x", "--parameters", "[]"), "--parameters is not a JSON object"),
        (("script", "--action", "x", "-i", "nothing"), '"nothing" is no input'),
    ],
)
def test_bad_input_is_exit_code_2(leadagent, workflow, arguments, said):
    done = leadagent("agents", "test", workflow(), *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
