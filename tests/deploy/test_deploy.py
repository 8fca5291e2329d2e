"""`leadagent deploy`, and Prefect's own command on what it wrote, against a real server."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import FlowRunFilter
from waiting import until

CRON = {"cron": "0 9 * * 1-5", "timezone": "Europe/Berlin", "inputs": {"topic": "wind"}}
HOURLY = {"interval": "1h", "timezone": "Asia/Tokyo"}
INPUTS = {"topic": {"type": "string"}, "count": {"type": "integer", "default": 3}}


def test_the_server_has_what_the_workflow_says(project):
    # Where it may prompt, Prefect asks for branch and token of a repository with a remote.
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(["git", "remote", "add", "origin", "http://127.0.0.1:9/x.git"], check=True)
    file = project.write(
        description="Reads.\nDaily.",
        version="2.0",
        tags=["news", "on"],
        inputs=INPUTS,
        schedule=[
            CRON,
            {**HOURLY, "inputs": {"topic": "x"}},
            {"rrule": "FREQ=DAILY", "inputs": {"topic": "y"}, "active": False},
        ],
    )
    pool = f"pool-{project.name}"
    options = ("--pool", pool, "--concurrency-limit", "2", "-i", "count=4", "-i", "topic=7")
    done = project.leadagent("deploy", file, *options, "--json")
    assert done.code == 0, done.err
    assert f'Made the work pool "{pool}"' in done.err
    assert project.client.read_work_pool(pool).type == "leadagent"
    found = project.deployed()
    assert json.loads(done.out) == [
        {
            "name": f"{project.name}/{project.name}",
            "id": str(found.id),
            "version": "2.0",
            "work_pool": pool,
            "ui_url": f"{project.api.ui_url}/deployments/deployment/{found.id}",
        }
    ]
    assert (found.version, found.description, found.tags) == (
        "2.0",
        "Reads.\nDaily.",
        ["news", "on", "leadagent"],
    )
    assert (found.work_pool_name, found.parameters) == (pool, {"count": 4, "topic": "7"})
    assert found.global_concurrency_limit.limit == 2
    assert found.pull_steps == [
        {"prefect.deployments.steps.set_working_directory": {"directory": str(project.folder)}}
    ]
    schema = found.parameter_openapi_schema["properties"]
    assert {name: part["type"] for name, part in schema.items()} == {"topic": "string", "count": "integer"}
    assert found.parameter_openapi_schema["required"] == ["topic"]
    assert project.schedules() == [
        (None, False, {"topic": "y"}, "DTSTART:20200101T000000\nFREQ=DAILY UTC"),
        (None, True, {"topic": "wind"}, "0 9 * * 1-5 Europe/Berlin"),
        (None, True, {"topic": "x"}, "1:00:00 Asia/Tokyo"),
    ]


def test_deploying_once_more_changes_nothing(project):
    file = project.write(schedule=HOURLY, description="d")
    assert project.leadagent("deploy", file).code == 0
    text, before, schedules = project.file.read_text(), project.deployed(), project.schedules()
    stamp = project.file.stat().st_mtime_ns
    done = project.leadagent("deploy", file)
    assert "prefect.yaml: unchanged" in done.err
    assert done.out.splitlines()[1:2] == [
        f"  run it:     prefect deployment run {project.name}/{project.name}"
    ]
    assert (project.file.read_text(), project.file.stat().st_mtime_ns) == (text, stamp)
    after = project.deployed()
    apart = {"updated", "schedules", "version_id", "version_info", "status", "last_polled"}
    assert after.model_dump(exclude=apart) == before.model_dump(exclude=apart)
    assert project.schedules() == schedules
    anchors = [one.schedule.anchor_date.isoformat() for one in after.schedules]
    assert anchors == ["2020-01-01T00:00:00+09:00"]


@pytest.mark.timeout(300)  # five times Prefect's command
def test_schedules_and_a_description_come_and_go_with_the_workflow(project):
    def schedules(*wanted: dict[str, object], **keys: str) -> list[str]:
        done = project.leadagent("deploy", project.write(schedule=list(wanted), **keys))
        assert done.code == 0, done.err
        return [when for _, _, _, when in project.schedules()]

    cron, daily = {"cron": "0 9 * * *"}, {"rrule": "FREQ=DAILY", "slug": "daily"}
    assert schedules(cron, description="d") == ["0 9 * * * None"]
    assert project.deployed().description == "d"
    assert schedules() == []
    assert project.deployed().description is None
    assert len(schedules({**cron, "slug": "nine"}, daily)) == 2
    assert schedules(daily) == ["DTSTART:20200101T000000\nFREQ=DAILY UTC"]
    assert schedules(cron) == ["0 9 * * * None"]


def test_prefects_own_command_takes_the_file_and_switches_off_a_schedule_that_is_gone(project):
    project.client.create_work_pool(WorkPoolCreate(name=f"pool-{project.name}", type="process"))
    mine = f"name: mine  # a comment\nx: 1\ndeployments:\n- name: {project.name}-other\n"
    project.file.write_text(mine)
    project.leadagent("compile", project.write(schedule=HOURLY))
    text = project.file.read_text()
    assert text.startswith(mine)
    # One of the user's own that leads nowhere yet would fail: this is about ours.
    project.file.write_text(
        text.replace(f"- name: {project.name}-other\n", "").replace(
            "name: leadagent", f"name: pool-{project.name}"
        )
    )
    done = project.prefect("deploy", "--all")
    assert done.code == 0, done.out
    assert project.deployed().work_pool_name == f"pool-{project.name}"
    assert project.schedules() == [(None, True, {}, "1:00:00 Asia/Tokyo")]
    assert project.leadagent("compile", project.write()).code == 0
    assert project.leadagent("compile", "workflow.json", "--check").code == 0
    assert project.prefect("deploy", "--all").code == 0
    assert project.schedules() == [(None, False, {}, "1:00:00 Asia/Tokyo")]
    assert project.leadagent("deploy", "workflow.json").code == 0
    assert project.schedules() == []
    assert project.deployed().work_pool_name == f"pool-{project.name}"


def test_a_schedule_makes_runs_with_its_inputs(project):
    schedule = {"interval": "10s", "inputs": {"topic": "wind"}}
    done = project.leadagent("deploy", project.write(inputs=INPUTS, schedule=schedule, tags=["news"]))
    assert done.code == 0, done.err
    wanted = FlowRunFilter.model_validate({"deployment_id": {"any_": [str(project.deployed().id)]}})
    run = until(lambda: project.client.read_flow_runs(flow_run_filter=wanted, limit=1))[0]
    assert run.parameters == {"topic": "wind"}
    assert run.expected_start_time.second % 10 == 0
    assert "news" in run.tags
    # The runs that are planned go with the schedule.
    project.leadagent("deploy", project.write(inputs=INPUTS))
    until(lambda: not project.client.read_flow_runs(flow_run_filter=wanted, limit=1))


def test_an_odd_name_is_deployed_and_found_again(project):
    name = f"{project.name}? #1 [*] 'ü\U0001f600'"
    for _ in range(2):
        done = project.leadagent("deploy", project.write(name=name, schedule={"cron": "@daily", "slug": "d"}))
        assert done.code == 0, done.err
        assert done.out.startswith(f'{name}/{name}: deployed to the work pool "leadagent"\n')
    assert project.leadagent("deploy", project.write(name=name)).code == 0
    (found,) = [one for one in project.client.read_deployments() if one.name == name]
    assert found.schedules == []


@pytest.mark.parametrize(
    ("work_pool", "message"),
    [
        ({"name": "{{ nowhere }}"}, "does not exist"),
        ({"name": "leadagent", "job_variables": {"env": 3}}, "3 is not valid under any of the given schemas"),
    ],
)
def test_what_prefect_refuses_is_said_without_a_traceback(project, work_pool, message):
    assert project.leadagent("compile", project.write()).code == 0
    document = yaml.safe_load(project.file.read_text())
    document["deployments"][0]["work_pool"] = work_pool
    project.file.write_text(yaml.safe_dump(document))
    done = project.leadagent("deploy", "workflow.json")
    assert (done.code, done.out) == (1, "")
    assert "error: prefect deploy failed:" in done.err
    assert message in done.err
    assert "Traceback" not in done.err
    assert 'File "' not in done.err
    assert project.api.auth_string not in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-o", "-"), "--output -: what is deployed lies in or below the working folder"),
        (("-o", "../x"), "--output ../x: what is deployed lies in or below the working folder"),
        (("--pool", "a/b"), '--pool "a/b": a name is not empty and holds none of / % & < > { }'),
        (("-i", "cuont=3"), 'input "cuont" is not known: did you mean "count"?'),
        (("-i", "count=x"), "input \"count\": 'x' is not of type 'integer'"),
        (("-i", "topic={{ HOME }}"), 'input "topic" holds "{{ HOME }}", which Prefect would replace'),
        (("--concurrency-limit", "0"), "0 is not in the range x>=1"),
    ],
)
def test_bad_options_are_refused_and_nothing_is_written(project, arguments, message):
    done = project.leadagent("deploy", project.write(inputs=INPUTS), *arguments)
    assert done.code == 2
    assert message in done.err
    assert [path.name for path in project.folder.iterdir()] == ["workflow.json"]


def test_a_workflow_that_cannot_be_deployed_is_refused_and_nothing_is_written(project):
    secret = {"type": "bearer", "token": "sk-live-1234567890"}
    agent = {"name": "a", "type": "http_api", "endpoint": "http://127.0.0.1:9", "authentication": secret}
    done = project.leadagent("deploy", project.write(agents=[agent]))
    assert done.code == 2
    assert "error[literal-credential]" in done.err
    assert "sk-live" not in done.err
    done = project.leadagent("deploy", project.write(description="of {{ HOME }}"))
    assert done.code == 2
    assert f'workflow "{project.name}": its description holds "{{{{ HOME }}}}"' in done.err
    assert [path.name for path in project.folder.iterdir()] == ["workflow.json"]


@pytest.mark.parametrize(
    ("written", "message"),
    [(b"a: [", "prefect.yaml:1:5: this is no YAML"), (b"\xff", "prefect.yaml: byte 0 is no UTF-8")],
)
def test_a_prefect_yaml_that_is_none_is_left_alone(project, written, message):
    project.file.write_bytes(written)
    done = project.leadagent("deploy", project.write())
    assert done.code == 2
    assert message in done.err
    assert project.file.read_bytes() == written
    assert not (project.folder / "flows").exists()


class _Broken(BaseHTTPRequestHandler):
    """Says its version, and of all else that it is broken."""

    def do_GET(self) -> None:
        known = self.path.endswith("/admin/version")
        self.send_response(200 if known else 500)
        self.end_headers()
        self.wfile.write(b'"3.8.8"')

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr."""


@pytest.fixture
def broken() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Broken)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/api"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_api_that_does_not_answer_is_said_to(project, broken, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", broken)
    done = project.leadagent("deploy", project.write())
    assert done.code == 3
    assert f"error: the Prefect API at {broken} does not answer as it should" in done.err
