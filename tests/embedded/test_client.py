"""Real flows against the embedded server, from a process of their own and from this one."""

from __future__ import annotations

import asyncio
import os
import threading
import uuid
from pathlib import Path

import pytest
from waiting import until

from leadagent_prefect.embedded import PrefectApi, client_environment, start, use_api
from leadagent_prefect.embedded.home import ServerHome

from .conftest import Client, output, python

FLOW = """
from prefect import flow, get_run_logger, task
@task
def add(a, b):
    get_run_logger().info("adding")
    return a + b
@flow
def sums():
    return add(1, 2)
print(sums.with_options(flow_run_name=NAME)())
"""


def everything(api: PrefectApi, run: str) -> tuple[list[str], list[str], list[str]]:
    """State names of the run and its tasks, and the messages of the tasks' own logs, once all are there."""

    def look() -> tuple[list[str], list[str], list[str]] | None:
        client = Client(api)
        runs = client.post("/flow_runs/filter", {"flow_runs": {"name": {"any_": [run]}}})
        ids = [found["id"] for found in runs]
        tasks = client.post("/task_runs/filter", {"flow_runs": {"id": {"any_": ids}}})
        logs = client.post("/logs/filter", {"logs": {"flow_run_id": {"any_": ids}}})
        messages = [log["message"] for log in logs if log["message"].startswith("adding")]
        states = [[found["state_name"] for found in runs], [found["state_name"] for found in tasks]]
        if states != [["Completed"], ["Completed"]] or not messages:
            return None
        return states[0], states[1], messages

    return until(look)


def test_a_process_with_the_client_environment_reaches_the_server(prefect_api: PrefectApi) -> None:
    name = str(uuid.uuid4())
    assert output(python(FLOW.replace("NAME", repr(name)), **client_environment(prefect_api))) == ["3"]
    assert everything(prefect_api, name) == (["Completed"], ["Completed"], ["adding"])


def run_here(api: PrefectApi, name: str) -> None:
    """As `LeadAgent` does it: a thread with a loop of its own."""
    from prefect import flow, get_run_logger, task

    @task
    async def add(a: int, b: int) -> int:
        get_run_logger().info("adding for %s", name)
        return a + b

    @flow(flow_run_name=name)
    async def sums() -> int:
        return await add(1, 2)

    def inside() -> None:
        with use_api(api):
            assert asyncio.run(sums()) == 3

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()


def test_two_servers_in_one_process_each_get_their_own_runs(
    prefect_api: PrefectApi, home: ServerHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_UI_ENABLED", "false")
    other = start()
    names = {name: api for api in (prefect_api, other, prefect_api) for name in [str(uuid.uuid4())]}
    for name, api in names.items():
        run_here(api, name)
    for name, api in names.items():
        assert everything(api, name) == (["Completed"], ["Completed"], [f"adding for {name}"])


def test_events_go_elsewhere_again_once_the_last_use_has_ended(prefect_api: PrefectApi) -> None:
    from prefect.events.worker import EventsWorker

    with use_api(prefect_api):
        with use_api(prefect_api):
            pass
        assert EventsWorker._client_override is not None
    assert EventsWorker._client_override is None


def test_a_configured_api_is_left_to_prefects_own_settings() -> None:
    from prefect.events.worker import EventsWorker
    from prefect.settings import get_current_settings

    api = PrefectApi(url="http://prefect.test/api", auth_string=None, embedded=False, ui_url="")
    before = dict(os.environ)
    with use_api(api):
        settings = get_current_settings()
        assert settings.api.url == api.url
        assert settings.tasks.default_no_cache
        assert EventsWorker._client_override is None
    assert get_current_settings().api.url is None
    assert dict(os.environ) == before


USE_FIRST = """
import os, sys
from leadagent_prefect.embedded import ensure_api, use_api
with use_api(ensure_api()):
    from prefect.settings import get_current_settings
    print(get_current_settings().tasks.default_no_cache, os.environ["DO_NOT_TRACK"])
"""


def test_prefect_imported_within_finds_its_settings(prefect_api: PrefectApi) -> None:
    assert output(python(USE_FIRST)) == ["True 1"]


FIRST_IMPORT = """
import os
from importlib.machinery import SourceFileLoader
os.environ.pop("DO_NOT_TRACK", None)
run = SourceFileLoader.exec_module
def watched(self, module):
    if module.__name__ == "prefect":
        print("import with", os.environ.get("DO_NOT_TRACK"))
    run(self, module)
SourceFileLoader.exec_module = watched
from leadagent_prefect import LeadAgent
workflow = {"name": "w", "agents": [{"name": "a", "type": "http_api", "endpoint": "http://127.0.0.1:9"}],
            "tasks": [{"name": "t", "agent_name": "a", "action": "GET"}]}
CALL
"""


@pytest.mark.parametrize(
    "call", ["LeadAgent().build_flow(workflow)", "LeadAgent().start(workflow).result(60)"]
)
def test_prefect_reports_to_nobody_from_its_first_import_on(prefect_api: PrefectApi, call: str) -> None:
    assert output(python(FIRST_IMPORT.replace("CALL", call))) == ["import with 1"]


def test_what_the_user_set_stays(prefect_api: PrefectApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_TASKS_DEFAULT_NO_CACHE", "false")
    environment = client_environment(prefect_api)
    assert environment["PREFECT_TASKS_DEFAULT_NO_CACHE"] == "false"
    assert environment["PREFECT_API_AUTH_STRING"] == prefect_api.auth_string


def test_a_configured_api_without_credentials_gets_none() -> None:
    api = PrefectApi(url="http://prefect.test/api", auth_string=None, embedded=False, ui_url="")
    assert "PREFECT_API_AUTH_STRING" not in client_environment(api)


@pytest.mark.parametrize(
    ("excepted", "expected"),
    [("", "127.0.0.1"), ("intra.test", "intra.test,127.0.0.1"), ("127.0.0.1", "127.0.0.1")],
)
def test_a_proxy_is_not_asked_for_this_machines_own_loopback(
    prefect_api: PrefectApi, monkeypatch: pytest.MonkeyPatch, excepted: str, expected: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", excepted)
    monkeypatch.delenv("no_proxy", raising=False)
    assert client_environment(prefect_api)["NO_PROXY"] == expected


def test_a_flow_runs_behind_a_proxy_that_answers_nobody(
    prefect_api: PrefectApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    name = str(uuid.uuid4())
    assert output(python(FLOW.replace("NAME", repr(name)), **client_environment(prefect_api))) == ["3"]
    assert everything(prefect_api, name)[0] == ["Completed"]


def test_every_setting_of_the_profiles_is_one_that_prefect_knows() -> None:
    from prefect.settings.legacy import _get_settings_fields
    from prefect.settings.models.root import Settings

    from leadagent_prefect.embedded.profile import CLIENT_PROFILE, SERVER_PROFILE, server_address

    known = {*_get_settings_fields(Settings), "DO_NOT_TRACK"}
    ours = {**CLIENT_PROFILE, **SERVER_PROFILE, **server_address(1, "a:b")}
    assert sorted(set(ours) - known) == []


def test_importing_the_room_does_not_import_prefect(tmp_path: Path) -> None:
    code = "import sys, leadagent_prefect.embedded; print({'prefect', 'httpx', 'uvicorn'} & set(sys.modules))"
    assert output(python(code)) == ["set()"]
