"""What the collection asks, step by step: each endpoint, and what goes wrong."""

from __future__ import annotations

from typing import Any

from leadagent_prefect.api.postman.collection import Folder, Step
from leadagent_prefect.api.routes.bodies import EXAMPLE

_RUNS, _RUN = "/api/v1/workflows", "/api/v1/workflows/{execution_id}"
_PUBLIC = "https://jsonplaceholder.typicode.com"

VARIABLES = {
    "baseUrl": ("http://localhost:8000", "where `leadagent serve` listens"),
    "apiKey": ("", "an API key, where the server has any: `leadagent keys create postman --scope admin`"),
    "serviceUrl": (_PUBLIC, "the HTTP API that the workflows call; it answers /posts/1"),
    "workflowId": ("", "the run that was made last: requests set it"),
    "idempotencyKey": ("", "requests set it"),
}

_AGENT: dict[str, Any] = {**EXAMPLE["agents"][0], "endpoint": "{{serviceUrl}}"}
_WORKFLOW = {**EXAMPLE, "agents": [_AGENT]}
_DOUBLE = """\
workflow:
  name: double
  inputs:
    n: {type: integer}
  tasks:
    - {name: twice, value: "{{ inputs.n * 2 }}"}
  outputs:
    answer: "{{ tasks.twice.result }}"
inputs:
  n: 21
"""
_ONE_TASK = {"name": "one_task", "tasks": [{"name": "say", "value": "hello"}]}
_FAILS = {
    "name": "fails_on_purpose",
    "tasks": [
        {"name": "first", "value": 1},
        {"name": "second", "fail": "on purpose", "depends_on": ["first"]},
    ],
}
_WAITS = {"name": "waits_long", "tasks": [{"name": "pause", "wait": "10m"}]}
_MISTAKES = {**_WORKFLOW, "tasks": [{"name": "fetch", "agent_name": "test_agnet", "action": "GET"}]}
_SHELL = {
    "name": "shell",
    "agents": [{"name": "shell", "type": "mcp_server", "endpoint": "stdio:bash -c id"}],
    "tasks": [{"name": "id", "agent_name": "shell", "action": "list_tools"}],
}
_TEST = {"test_action": "ping", "test_parameters": {"method": "GET", "endpoint": "/posts/1"}}
_KEEP = 'pm.collectionVariables.set("workflowId", body.execution_id);\n'


def _create(name: str, body: Any, **more: Any) -> Step:
    tests = more.pop("tests", 'pm.test("is queued", () => pm.expect(body.status).to.eql("queued"));')
    return Step(name, f"POST {_RUNS}", body=body, tests=_KEEP + tests, **more)


def _until(name: str, status: str) -> Step:
    """Asks again twice a second, for as long as the run goes on; two minutes at most."""
    tests = f"""
const looks = Number(pm.collectionVariables.get("looks") || 0) + 1;
if (["queued", "running"].includes(body.status) && looks < 240) {{
    pm.collectionVariables.set("looks", looks);
    setTimeout(() => {{}}, 500);
    pm.execution.setNextRequest(pm.info.requestName);
}} else {{
    pm.collectionVariables.unset("looks");
    pm.test("has {status}", () => pm.expect(body.status).to.eql("{status}"));
}}
"""
    return Step(name, f"GET {_RUN}/status", tests=tests)


_HEALTH = (
    Step(
        "What is here",
        "GET /",
        tests='pm.test("is leadagent", () => pm.expect(body.name).to.eql("leadagent"));',
    ),
    Step(
        "Health",
        "GET /api/v1/health",
        tests='pm.test("Prefect is there", () => pm.expect(body.prefect).to.eql("reachable"));',
    ),
    Step("Is it alive?", "GET /api/v1/health/live"),
    Step("Can runs be taken on?", "GET /api/v1/health/ready"),
)
_CHECKED = (
    Step(
        "Validate",
        f"POST {_RUNS}/validate",
        body=_WORKFLOW,
        tests='pm.test("is valid", () => pm.expect(body).to.eql({ valid: true, diagnostics: [] }));',
    ),
    Step(
        "Validate one with a mistake",
        f"POST {_RUNS}/validate",
        body=_MISTAKES,
        tests="""
pm.test("says what is wrong, and where", () => {
    pm.expect(body.valid).to.be.false;
    pm.expect(body.diagnostics.map((one) => one.code)).to.include("unknown-agent");
    pm.expect(body.diagnostics[0].line).to.be.above(0);
});
""",
    ),
)
_COMPLETES = (
    _create("Create and execute", _WORKFLOW),
    _until("Status until it has completed", "completed"),
    Step(
        "Details",
        f"GET {_RUN}",
        tests="""
pm.test("has the results", () => {
    pm.expect(body.completed_tasks).to.eql(1);
    pm.expect(body.results.fetch_data.id).to.eql(1);
});
""",
    ),
    Step(
        "Logs", f"GET {_RUN}/logs", tests='pm.test("has lines", () => pm.expect(body.logs).to.not.be.empty);'
    ),
    Step(
        "Events",
        f"GET {_RUN}/events",
        tests="""
pm.test("tells it from its start to its end", () => {
    pm.expect(pm.response.headers.get("Content-Type")).to.include("text/event-stream");
    const names = pm.response.text().match(/^event: .*/gm);
    pm.expect(names[0]).to.eql("event: workflow_started");
    pm.expect(names).to.include("event: task_completed");
    pm.expect(names[names.length - 1]).to.eql("event: workflow_finished");
});
""",
    ),
    Step(
        "List those that have completed",
        f"GET {_RUNS}",
        query={"page": "1", "page_size": "100", "status": "completed"},
        tests="""
pm.test("has this run", () => {
    const ids = body.workflows.map((one) => one.execution_id);
    pm.expect(ids).to.include(pm.collectionVariables.get("workflowId"));
});
""",
    ),
    Step("Cancel after its end", f"DELETE {_RUN}", 409),
)
_INPUTS = (
    _create("Create with inputs, in YAML", _DOUBLE, kind="application/yaml"),
    _until("Status until it has doubled", "completed"),
    Step(
        "Outputs",
        f"GET {_RUN}",
        tests='pm.test("has doubled", () => pm.expect(body.outputs).to.eql({ answer: 42 }));',
    ),
)
_TWICE = {"Idempotency-Key": "{{idempotencyKey}}"}
_IDEMPOTENCY = (
    _create(
        "Create with a key",
        _ONE_TASK,
        headers=_TWICE,
        before='pm.collectionVariables.set("idempotencyKey", pm.variables.replaceIn("{{$guid}}"));',
    ),
    Step(
        "Create the same once more",
        f"POST {_RUNS}",
        body=_ONE_TASK,
        headers=_TWICE,
        tests="""
pm.test("is the same run", () => {
    pm.expect(body.execution_id).to.eql(pm.collectionVariables.get("workflowId"));
});
""",
    ),
    Step("Create another with that key", f"POST {_RUNS}", 422, body=_WORKFLOW, headers=_TWICE),
)
_FAILURE = (
    _create("Create one that fails", _FAILS),
    _until("Status until it has failed", "failed"),
    Step(
        "Why it failed",
        f"GET {_RUN}",
        tests="""
pm.test("says why", () => {
    pm.expect(body.errors.second).to.include("on purpose");
    pm.expect(body.tasks.first.status).to.eql("completed");
});
""",
    ),
    Step(
        "Resume",
        f"POST {_RUN}/resume",
        tests='pm.test("is queued", () => pm.expect(body.status).to.eql("queued"));',
    ),
    _until("Status until it has failed again", "failed"),
)
_CANCELLED = (
    _create("Create one that waits", _WAITS),
    Step(
        "Cancel",
        f"DELETE {_RUN}",
        tests='pm.test("is ending", () => pm.expect(body.status).to.be.oneOf(["running", "cancelled"]));',
    ),
    _until("Status until it is cancelled", "cancelled"),
    Step(
        "Cancel once more",
        f"DELETE {_RUN}",
        tests='pm.test("stays so", () => pm.expect(body.status).to.eql("cancelled"));',
    ),
)
_AGENTS = (
    Step(
        "Test an agent",
        "POST /api/v1/agents/test",
        body={"agent_config": _AGENT, **_TEST},
        tests="""
pm.test("has an answer", () => {
    pm.expect(body.success).to.be.true;
    pm.expect(body.result.id).to.eql(1);
});
""",
    ),
    Step(
        "Test one that may not be called",
        "POST /api/v1/agents/test",
        body={"agent_config": {**_AGENT, "endpoint": "http://169.254.169.254"}, **_TEST},
        tests="""
pm.test("is refused", () => {
    pm.expect(body.success).to.be.false;
    pm.expect(body.error).to.include("not allowed");
});
""",
    ),
)
_WITH_PLACES = """
pm.test("has the places", () => {
    pm.expect(body.diagnostics[0]).to.have.all.keys("line", "column", "severity", "code", "message", "hint");
});
"""
_ERRORS = (
    Step("400: the body is no JSON", f"POST {_RUNS}", 400, body='{"name": ', tests=_WITH_PLACES),
    Step(
        "401: a key that is none",
        f"GET {_RUNS}",
        0,
        headers={"Authorization": "Bearer la_00000000_no-such-key"},
        tests="""
pm.test("is refused, where the server has keys", () => {
    pm.response.to.have.status(pm.variables.get("apiKey") ? 401 : 200);
});
""",
    ),
    Step("404: there is no such run", f"GET {_RUN}", 404, run="123e4567-e89b-12d3-a456-426614174000"),
    Step("415: neither JSON nor YAML", f"POST {_RUNS}", 415, body="name: hello", kind="text/plain"),
    Step("422: not a workflow", f"POST {_RUNS}", 422, body={"nmae": "hello"}, tests=_WITH_PLACES),
    Step(
        "422: what may not come over HTTP",
        f"POST {_RUNS}",
        422,
        body=_SHELL,
        tests="""
pm.test("is said to be so", () => {
    pm.expect(body.diagnostics.map((one) => one.code)).to.include("not-allowed-over-http");
});
""",
    ),
    Step("422: a page that there can't be", f"GET {_RUNS}", 422, query={"page": "0"}),
)
_METRICS = (
    Step(
        "Metrics",
        "GET /metrics",
        tests="""
pm.test("counts requests", () => {
    pm.expect(pm.response.text()).to.include("leadagent_http_requests_total");
});
""",
    ),
)

FLOW = (
    Folder("Health", "What the server says of itself.", _HEALTH),
    Folder("Check a workflow", "All that is wrong with one, without running it.", _CHECKED),
    Folder("Run a workflow", "From its making to its results.", _COMPLETES),
    Folder("Inputs and outputs", "A workflow in YAML, with the inputs beside it.", _INPUTS),
    Folder("Idempotency", "A request that is sent twice makes one run.", _IDEMPOTENCY),
    Folder("Failure and resume", "A run that fails says why, and may go on where it stopped.", _FAILURE),
    Folder("Cancel", "A run is ended, once.", _CANCELLED),
    Folder("Agents", "One call to one agent.", _AGENTS),
    Folder("Errors", "Each is a problem document (RFC 9457).", _ERRORS),
    Folder("Metrics", "Numbers for Prometheus; they want a key with the scope admin.", _METRICS),
)
