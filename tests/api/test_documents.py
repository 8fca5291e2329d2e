"""What a workflow from outside may not hold, and how its body is read. No server takes part."""

from __future__ import annotations

import json
import pickle

import pytest

from leadagent_prefect.api.aside import examined, taken
from leadagent_prefect.api.document import (
    MAX_INPUTS,
    accepted,
    checked_inputs,
    findings,
    stored,
    submission_of,
)
from leadagent_prefect.api.problems import Problem
from leadagent_prefect.api.reading import kind_of, read_document
from leadagent_prefect.api.settings import Settings

SETTINGS = Settings(
    allow_secrets={"TOKEN": ("https://api.example.com",)},
    mcp_servers={"time": "mcp-server-time --local-timezone UTC"},
)
AGENT = {"name": "a", "type": "http_api", "endpoint": "https://api.example.com"}
TASK = {"name": "t", "agent_name": "a", "action": "GET"}


def body_of(workflow, **envelope):
    return json.dumps({"workflow": workflow, **envelope} if envelope else workflow).encode()


def submission(workflow, **envelope):
    return submission_of(read_document(body_of(workflow, **envelope), "application/json"))


def agent(**more):
    return {"name": "w", "agents": [{**AGENT, **more}], "tasks": [TASK]}


def codes(workflow):
    return [one.code for one in findings(submission(workflow), SETTINGS) if one.severity == "error"]


def mcp(endpoint, **params):
    server = {"name": "a", "type": "mcp_server", "endpoint": endpoint, "custom_params": params}
    return {"name": "w", "agents": [server], "tasks": [{**TASK, "action": "list_tools"}]}


REFUSED = {
    "a schedule": {**agent(), "schedule": {"cron": "* * * * *"}},
    "a file": {"name": "w", "tasks": [{"name": "t", "workflow": "../secret.yaml"}]},
    "a file further in": {
        "name": "w",
        "tasks": [{"name": "t", "tasks": [{"name": "u", "workflow": "x.yaml"}]}],
    },
    "a tag of ours": {**agent(), "tags": ["leadagent:owner:root"]},
    "a class": agent(type="custom", custom_params={"class": "os:system"}),
    "another type": agent(type="inventory"),
    "no TLS": agent(custom_params={"verify": False}),
    "env": agent(custom_params={"headers": {"X": "{{ env.HOME }}"}}),
    "vars": agent(custom_params={"headers": {"X": "{{ vars.shared }}"}}),
    "env in a task": {**agent(), "tasks": [{**TASK, "parameters": {"query": {"q": "{{ env.PATH }}"}}}]},
    "a secret in a header": agent(custom_params={"headers": {"X": "{{ secrets.TOKEN }}"}}),
    "a secret in a task": {
        **agent(),
        "tasks": [{**TASK, "parameters": {"query": {"q": "{{ secrets.TOKEN }}"}}}],
    },
    "an unlisted secret": agent(authentication={"type": "bearer", "token": "{{ secrets.OTHER }}"}),
    "a secret to another origin": agent(
        endpoint="https://evil.example.com", authentication={"type": "bearer", "token": "{{ secrets.TOKEN }}"}
    ),
    "a secret to another port": agent(
        endpoint="https://api.example.com:444",
        authentication={"type": "bearer", "token": "{{ secrets.TOKEN }}"},
    ),
    "a secret to wherever an input says": agent(
        endpoint="https://{{ inputs.host }}",
        authentication={"type": "bearer", "token": "{{ secrets.TOKEN }}"},
    ),
    "a credential in clear": agent(authentication={"type": "bearer", "token": "sk-live-CANARY"}),
    "an endpoint out of a template": agent(endpoint="{{ inputs.url }}"),
    "a reference of Prefect's": {
        **agent(),
        "tasks": [{**TASK, "parameters": {"json": {"$ref": {"block_document_slug": "secret/x"}}}}],
    },
    "a kind of Prefect's": {
        **agent(),
        "tasks": [{**TASK, "parameters": {"json": {"__prefect_kind": "workspace_variable"}}}],
    },
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_allowed_has_a_diagnostic_with_its_place(name):
    workflow = REFUSED[name]
    found = [one for one in findings(submission(workflow), SETTINGS) if one.severity == "error"]
    assert {"not-allowed-over-http", "literal-credential"} & {one.code for one in found}
    assert all(one.span is not None for one in found)


STDIO = {
    "a shell": mcp("stdio://bash -c 'touch /tmp/pwned'"),
    "a shell without slashes": mcp("stdio:bash -c 'touch /tmp/pwned'"),
    "another case": mcp("STDIO:sh -c id"),
    "npx": mcp("stdio:npx -y evil"),
    "python": mcp("stdio:python -c 'import os'"),
    "a registered one with more": mcp("stdio:time --evil"),
    "a command": mcp(None, command="sh"),
    "a command and arguments": mcp(None, command="sh", args=["-c", "id"]),
    "an environment": mcp("stdio:time", env={"LD_PRELOAD": "/tmp/x.so"}),
    "a folder": mcp("stdio:time", cwd="/"),
    "the transport alone": mcp("bash -c id", transport="stdio"),
    "the transport out of a template": mcp("https://api.example.com", transport="{{ inputs.t }}"),
}


@pytest.mark.parametrize("name", STDIO)
def test_no_workflow_from_outside_starts_a_process(name):
    assert "not-allowed-over-http" in codes(STDIO[name])


def test_a_registered_server_is_named_and_its_command_is_the_operators():
    loaded = accepted(submission(mcp("stdio:time")), SETTINGS)
    kept = stored(loaded, "local", SETTINGS, (("127.0.0.1", 8000),))
    assert kept.workflow["agents"][0]["endpoint"] == "stdio:time"
    assert kept.runnable()["agents"][0]["endpoint"] == "stdio:mcp-server-time --local-timezone UTC"


def test_what_is_allowed_is_let_through():
    token = {"type": "bearer", "token": "{{ secrets.TOKEN }}"}
    assert codes({**agent(authentication=token), "tags": ["nightly"]}) == []
    assert (
        codes({**agent(endpoint="https://{{ inputs.host }}/v1"), "inputs": {"host": {"type": "string"}}})
        == []
    )
    schema = {"$ref": "#/$defs/item", "$defs": {"item": {"type": "object"}}}
    assert codes({**agent(), "tasks": [{**TASK, "output_schema": schema}]}) == []


def test_the_parts_that_are_no_mappings_are_for_the_checks():
    assert "not-allowed-over-http" not in codes({"name": "w", "agents": ["a"], "tasks": ["t"], "tags": 3})
    assert "wrong-type" in codes(agent(endpoint=3, custom_params="x"))


def test_the_places_are_those_of_the_body_also_within_an_envelope():
    workflow = agent(type="custom")
    body = body_of(workflow, inputs={})
    problem = refused(lambda: accepted(submission_of(read_document(body, "application/json")), SETTINGS))
    row = next(one for one in problem.more["diagnostics"] if one["code"] == "not-allowed-over-http")
    assert problem.status == 422
    assert body.decode()[row["column"] - 1 :].startswith('"custom"')


def refused(call):
    with pytest.raises(Problem) as caught:
        call()
    return caught.value


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"3",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1, "a": 2}',
        b'{"a": "\\ud800"}',
        b"[" * 100_000,
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": "\x00"}',
        b"\xff\xfe",
    ],
    ids=range(12),
)
def test_what_is_not_json_in_every_detail_is_400(body):
    assert refused(lambda: read_document(body, "application/json")).status == 400


@pytest.mark.parametrize(
    "text",
    ["a: &a [*a]", "a: !!python/object/apply:os.system ['id']", "a: 1\na: 2", "a: [", "\tb: 1", "a: .nan"],
)
def test_what_is_not_yaml_in_every_detail_is_400(text):
    assert refused(lambda: read_document(text.encode(), "application/yaml")).status == 400


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/json; charset=latin-1",
    ],
)
def test_another_content_type_is_415(content_type):
    assert refused(lambda: kind_of(content_type)).status == 415


def test_json_and_yaml_are_told_apart_by_content_type():
    assert kind_of("application/json; charset=UTF-8") == "json"
    assert {kind_of(kind) for kind in ("application/yaml", "text/yaml", "Text/X-YAML")} == {"yaml"}


def test_an_envelope_holds_mappings():
    problem = refused(lambda: submission({"name": "w"}, inputs=3))
    assert (problem.status, problem.detail) == (422, '"workflow" and "inputs" are to be mappings')


def test_inputs_are_checked_and_bounded():
    declared = {**agent(), "inputs": {"n": {"type": "integer"}}}
    loaded = accepted(submission(declared), SETTINGS)
    assert checked_inputs(loaded, submission(declared, inputs={"n": 3})) == '{"n":3}'
    assert refused(lambda: checked_inputs(loaded, submission(declared, inputs={"n": "x"}))).status == 422
    large = submission(declared, inputs={"n": "x" * MAX_INPUTS})
    assert refused(lambda: checked_inputs(loaded, large)).status == 413
    quoted = submission(declared, inputs={"n": "\\" * (MAX_INPUTS // 2 - 10)})  # Prefect sees twice as much
    assert refused(lambda: checked_inputs(loaded, quoted)).status == 413


def test_a_body_is_taken_or_examined_as_a_whole():
    loaded, inputs = taken(body_of(agent(), inputs={}), "application/json", SETTINGS)
    assert (loaded.workflow.name, inputs) == ("w", "{}")
    assert examined(body_of(agent()), "application/json", SETTINGS) == []


def test_a_problem_comes_whole_out_of_another_process():
    problem = refused(lambda: taken(b"{}", "application/json", SETTINGS))
    again = pickle.loads(pickle.dumps(problem))  # noqa: S301 - what was pickled a moment ago
    assert (again.status, again.detail, again.more) == (problem.status, problem.detail, problem.more)
