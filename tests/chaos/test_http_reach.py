"""X11 of the experiments: no workflow over HTTP reaches what is not allowed to it, or starts a process.

A listener on every address of the machine is what the hostile URLs lead to; it may not be called.
"""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from canaries import seen
from rest_servers import in_this_process, settings_file, taken

from leadagent_prefect.api.settings import read_settings

WORKFLOWS = "/api/v1/workflows"
NAME = socket.gethostname()
#: The listener by all its names, and what else is not for the public. {} is its port.
URLS = (
    "http://127.0.0.1:{}", "http://127.1:{}", "http://127.0.1:{}", "http://127.0.0.2:{}",
    "http://127.255.255.254:{}", "http://2130706433:{}", "http://0x7f000001:{}", "http://0x7f.1:{}",
    "http://0x7f.0x0.0x0.0x1:{}", "http://0177.0.0.1:{}", "http://017700000001:{}", "http://0:{}",
    "http://0.0.0.0:{}", "http://localhost:{}", "http://LOCALHOST:{}", "http://localhost.:{}",
    f"http://{NAME}:{{}}", "http://[::1]:{}", "http://[::]:{}", "http://[0:0:0:0:0:0:0:1]:{}",
    "http://[::ffff:127.0.0.1]:{}", "http://[::ffff:7f00:1]:{}", "http://[::127.0.0.1]:{}",
    "http://[64:ff9b::7f00:1]:{}", "http://[64:ff9b:1::7f00:1]:{}", "http://[2002:7f00:1::]:{}",
    "http://[fe80::1]:{}", "http://[fd00:ec2::254]:{}", "http://169.254.169.254", "http://10.0.0.1:{}",
    "http://172.16.0.1:{}", "http://192.168.0.1:{}", "http://100.64.0.1:{}", "http://192.0.0.8:{}",
    "http://224.0.0.1:{}", "http://１２７.０.０.１:{}", "http://127。0。0。1:{}", "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:{}",
    "https://127.0.0.1:{}", "http://x.rebinding.example:{}",
)  # fmt: skip
#: What is no endpoint at all.
REFUSED = (
    "http://user@127.0.0.1:{}", "http://example.com@127.0.0.1:{}", "http://127.0.0.1:{}#@example.com",
    "http://127.0.0.1:{}\\@example.com", "http://%31%32%37.0.0.1:{}", "http://[::1%25lo]:{}",
    "file:///etc/passwd", "gopher://127.0.0.1:{}", "ftp://127.0.0.1:{}", "http+unix://%2Ftmp%2Fx:{}",
    "//127.0.0.1:{}", "127.0.0.1:{}", "http://127.0.0.1:{}\r\nX: y", "{{{{ inputs.url }}}}",
)  # fmt: skip


@pytest.fixture(scope="module")
def strict(rest, prefect_api, rest_service, tmp_path_factory):
    """A server that allows no network; the runs are executed by the worker of `rest`."""
    folder = tmp_path_factory.mktemp("strict")
    settings = read_settings({"allow_networks": []}, settings_file(folder, rest_service))
    with in_this_process(settings, prefect_api) as url:
        yield type(rest)(url, rest_service)


def http(name, url, **params):
    return {"name": name, "type": "http_api", "endpoint": url, "timeout": 5, "custom_params": params}


def call(agent, **parameters):
    return {"name": agent["name"], "agent_name": agent["name"], "action": "GET", "parameters": parameters}


def ended(server, client, agents, tasks, **more):
    """The run of all of them at the same time; none is tried again."""
    both = {"parallel_execution": True, "failure_strategy": "continue_on_failure"}
    workflow = {"name": "reach", **both, "agents": agents, "tasks": tasks, **more}
    return server.ended(client, taken(client, workflow))


def test_no_url_leads_to_where_it_may_not(strict, canary):
    urls = [url.format(canary.port) for url in URLS]
    assert len(urls) > 35
    agents = [http(f"a{number}", url) for number, url in enumerate(urls)]
    tasks = [call(agent) for agent in agents]
    for kind, action in (("ai_agent", "ask"), ("mcp_server", "list_tools")):
        for number, url in enumerate(urls[:12:3]):
            agent = {"name": f"{kind}{number}", "type": kind, "endpoint": url, "timeout": 5}
            agents.append(agent)
            asked = {"prompt": "hello", "model": "any"} if kind == "ai_agent" else {}
            tasks.append({**call(agent), "action": action, "parameters": asked})
    with strict.client() as client:
        details = ended(strict, client, agents, tasks)
    assert (details["status"], details["results"]) == ("failed", {})
    reached = {agent["endpoint"]: details["tasks"][agent["name"]]["error_class"] for agent in agents}
    # A name that is none, and an address without a way to it, may fail before they are judged.
    assert {url for url, kind in reached.items() if kind not in ("configuration", "connection")} == set()
    assert sum(kind == "configuration" for kind in reached.values()) >= 35
    assert canary.hits == []


def test_what_is_no_endpoint_makes_no_run(strict, canary):
    with strict.client() as client:
        for url in REFUSED:
            agent = http("a", url.format(canary.port))
            answer = client.post(WORKFLOWS, json={"name": "reach", "agents": [agent], "tasks": [call(agent)]})
            assert (answer.status_code, url) == (422, url)
            body = {"agent_config": agent, "test_action": "GET"}
            assert client.post("/api/v1/agents/test", json=body).status_code == 422
    assert canary.hits == []


def test_no_parameter_and_no_input_leads_elsewhere(rest, canary):
    """Here 127.0.0.1 is allowed, so that the agent's own origin is what is left to hold them."""
    port, own = canary.port, rest.service.url
    listener = f"127.0.0.1:{port}"
    paths = (f"http://{listener}/", f"//{listener}/", f"@{listener}", f":{port}", f"\\\\{listener}")
    hosts = (f"127.0.0.2:{port}", f"x@127.0.0.2:{port}", f"127.0.0.2:{port}/#", f"127.0.0.2:{port}\\@a")
    given = {f"n{number}": text for number, text in enumerate((*paths, *hosts))}
    agents, tasks = [], []
    for name, text in given.items():
        template = f"{{{{ inputs.{name} }}}}"
        agents.append(http(name, own if text in paths else f"http://{template}"))
        tasks.append(call(agents[-1], endpoint=template if text in paths else ""))
    inputs = {name: {"type": "string", "default": text} for name, text in given.items()}
    with rest.client() as client:
        details = ended(rest, client, agents, tasks, inputs=inputs)
    # What looks like a path is one, on the agent's own origin.
    assert all(result["title"] == "Test Post" for result in details["results"].values())
    assert len(details["errors"]) >= len(hosts) + 1
    assert canary.hits == []


@pytest.mark.parametrize("type", ["http_api", "mcp_server"])
def test_no_redirect_leads_elsewhere(rest, canary, prefect_api, type):
    targets = [f"http://{host}:{canary.port}/" for host in ("127.0.0.1", "127.0.0.2", "[::1]", "localhost")]
    targets += [f"{rest.url}/api/v1/health", f"{prefect_api.url}/health", f"//127.0.0.1:{canary.port}/"]
    agents, tasks = [], []
    for status in (301, 302, 303, 307, 308):
        for target in targets if status == 302 else targets[:1]:
            name = f"a{len(agents)}"
            if type == "http_api":
                agents.append(http(name, rest.service.url, follow_redirects=True))
                tasks.append(call(agents[-1], endpoint=f"/moved/{status}/{target}"))
            else:
                url = f"{rest.service.url}/moved/{status}/{target}"
                agents.append({"name": name, "type": type, "endpoint": url, "timeout": 5})
                tasks.append({**call(agents[-1]), "action": "list_tools"})
    with rest.client() as client:
        details = ended(rest, client, agents, tasks)
    assert (details["status"], details["results"], canary.hits) == ("failed", {}, [])


def test_a_name_that_leads_to_another_address_at_each_look_leads_to_the_one_that_was_judged(
    rest, rest_service, prefect_api, canary, tmp_path
):
    """127.0.0.3 is allowed and 127.0.0.1 is not: the name leads to each in turn."""
    narrow = read_settings({"allow_networks": ["127.0.0.3/32"]}, settings_file(tmp_path, rest_service))
    agents = [http(f"a{n}", f"http://n{n}.rebinding.example:{canary.port}") for n in range(12)]
    with in_this_process(narrow, prefect_api) as url:
        server = type(rest)(url, rest_service)
        with server.client() as client:
            details = ended(server, client, agents, [call(agent) for agent in agents])
    assert set(canary.hits) == {"127.0.0.3"}
    refused = [row["error_class"] for row in details["tasks"].values() if row["status"] == "failed"]
    assert refused
    assert set(refused) == {"configuration"}
    assert len(canary.hits) + len(refused) == len(agents)


def stdio(marker):
    touch = f"touch {marker}"
    commands = (
        f"stdio://bash -c '{touch}'", f"stdio:bash -c '{touch}'", f"STDIO:sh -c '{touch}'",
        f"stdio:/bin/{touch}",
        "stdio:npx -y evil", f"stdio:python3 -c 'open(\"{marker}\", \"w\")'", f"stdio:time; {touch}",
        f"stdio:$({touch})",
    )  # fmt: skip
    params = (
        {"command": "touch", "args": [str(marker)]},
        {"command": "sh", "args": ["-c", touch], "env": {"A": "b"}},
        {"transport": "stdio", "command": "touch", "args": [str(marker)]},
        {"class": "os:system"},
        {"env": {"LD_PRELOAD": "/tmp/x.so"}, "cwd": "/"},
    )
    yield from ({"endpoint": command} for command in commands)
    yield from ({"endpoint": "stdio:time", "custom_params": one} for one in params)
    yield {"endpoint": f"bash -c '{touch}'", "custom_params": {"transport": "stdio"}}


def test_no_workflow_starts_a_process(rest, tmp_path):
    marker, ours = Path(tmp_path, "pwned"), ("anyio.to_process", "mcp_server_time")
    payloads = list(stdio(marker))
    assert len(payloads) > 12
    before = len(seen(rest.folder))
    with rest.client() as client:
        for number, payload in enumerate(payloads):
            agent = {"name": "a", "type": "mcp_server", **payload}
            task = {**call(agent), "action": "list_tools"}
            answer = client.post(WORKFLOWS, json={"name": "w", "agents": [agent], "tasks": [task]})
            assert (answer.status_code, payload) == (422, payload)
            assert "not-allowed-over-http" in [row["code"] for row in answer.json()["diagnostics"]]
            if number % 2 == 0:  # there is a limit to tests
                body = {"agent_config": agent, "test_action": "list_tools"}
                assert client.post("/api/v1/agents/test", json=body).status_code == 422
    started = [row["detail"] for row in seen(rest.folder)[before:] if row["what"] == "start"]
    assert [line for line in started if not any(name in line for name in ours)] == []
    assert not marker.exists()
