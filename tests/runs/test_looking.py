"""Runs as they are listed and shown, over Prefect's API and by the command line."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from leadagent_prefect import LeadAgent
from leadagent_prefect.cli import main
from leadagent_prefect.embedded import use_api
from leadagent_prefect.errors import ConfigurationError


@pytest.fixture(scope="module")
def runs(actor, prefect_api, tasks):
    """What came of two runs, with the workflows' names of their own, and a run of somebody else's flow."""
    from prefect import flow

    @flow(name="not-of-leadagent", log_prints=False)
    def other():
        """Nothing."""

    tag = uuid4().hex[:6]
    agent = LeadAgent()
    good = {**tasks("read", "write"), "name": f"good-{tag}"}
    bad = {**tasks("read", "fail", "write"), "name": f"bad-{tag}"}
    found = SimpleNamespace(
        tag=tag,
        good=agent.execute_workflow_from_dict_sync(good),
        bad=agent.execute_workflow_from_dict_sync(bad),
    )
    with use_api(prefect_api):
        other()
    return found


def shown(capsys, *arguments: str) -> Any:
    assert main(arguments) == 0
    return json.loads(capsys.readouterr().out)


def test_runs_are_listed_newest_first_and_others_flows_are_not_among_them(runs, capsys):
    # Other tests make runs meanwhile.
    found = shown(capsys, "runs", "--json", "--limit", "200")
    rows = [row for row in found if row["workflow"].endswith(runs.tag)]
    assert [row["workflow"] for row in rows] == [f"bad-{runs.tag}", f"good-{runs.tag}"]
    assert rows[1] | {"name": "", "started_at": "", "duration": 0.0} == {
        "id": runs.good.flow_run_id,
        "name": "",
        "workflow": f"good-{runs.tag}",
        "status": "completed",
        "started_at": "",
        "duration": 0.0,
    }
    assert rows[1]["duration"] > 0


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--workflow", "good-TAG"], ["good-TAG"]),
        (["--workflow", "bad-TAG", "--status", "failed", "--status", "queued"], ["bad-TAG"]),
        (["--workflow", "bad-TAG", "--status", "completed"], []),
        (["--workflow", "good-TAG", "--stale"], []),
    ],
)
def test_runs_are_chosen_by_workflow_and_status(runs, capsys, options, found):
    rows = shown(capsys, "runs", "--json", *(option.replace("TAG", runs.tag) for option in options))
    assert [row["workflow"] for row in rows] == [name.replace("TAG", runs.tag) for name in found]


def test_in_a_pipe_runs_are_plain_columns(runs, capsys):
    assert main(["runs", "--workflow", f"good-{runs.tag}"]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["ID", "STATUS", "WORKFLOW", "NAME", "STARTED", "DURATION"]
    assert row.startswith(f"{runs.good.flow_run_id}  completed  good-{runs.tag}")


@pytest.mark.parametrize("options", [["--workflow", "nobody's"], ["--workflow", "x", "--status", "failed"]])
def test_no_run_is_said_on_stderr(runs, capsys, options):
    assert main(["runs", *options]) == 0
    assert capsys.readouterr() == ("", "No such run\n")


def test_stale_runs_have_a_status_already(capsys):
    assert main(["runs", "--stale", "--status", "failed"]) == 2
    assert "--stale and --status can't be combined" in capsys.readouterr().err


def test_a_run_that_has_ended_is_shown_as_run_prints_it_and_whose_it_is(runs, capsys):
    data = shown(capsys, "status", runs.good.flow_run_id, "--json")
    whose = {name: data.pop(name) for name in ("id", "name", "workflow", "started_at")}
    assert data == runs.good.model_dump(mode="json")
    assert (whose["id"], whose["workflow"]) == (runs.good.flow_run_id, f"good-{runs.tag}")


def test_a_run_is_named_by_the_beginning_of_its_id_or_by_its_name(runs, capsys):
    whole = shown(capsys, "status", runs.bad.flow_run_id, "--json")
    assert shown(capsys, "status", runs.bad.flow_run_id[:12], "--json") == whole
    assert shown(capsys, "status", whole["name"], "--json")["workflow"] == f"bad-{runs.tag}"


def test_a_run_that_failed_says_what_failed(runs, capsys):
    assert main(["status", runs.bad.flow_run_id]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"bad-{runs.tag}, run ")
    assert "\nStatus: failed\n" in out
    assert "\nfail   failed     1         " in out
    assert out.endswith("\nErrors:\n  fail: no luck\n")


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ("5a42fc8f-af0c-4891-bc96-30744c63f731", "no run "),
        ("abcde", "'abcde' is too short for a run: at least 6 digits of its id"),
        ("0000000", "no run '0000000' on this Prefect API: `leadagent runs` lists them, by id and name"),
        ("no such run", "no run 'no such run' on this Prefect API"),
    ],
)
@pytest.mark.parametrize("command", ["status", "logs", "cancel"])
def test_a_run_that_is_not_there_is_bad_input(runs, capsys, command, run, message):
    assert main([command, run]) == 2
    assert f"error: {message}" in capsys.readouterr().err


async def test_a_name_that_several_runs_have_names_none(client):
    from prefect import flow

    from leadagent_prefect.runs import find_run

    @flow(name="several")
    async def several():
        """Nothing."""

    for _ in range(6):
        await client.create_flow_run(several, name="the-same", tags=["leadagent"])
    with pytest.raises(ConfigurationError, match=r"^6 runs are meant by 'the-same': .* and 1 more; name one"):
        await find_run(client, "the-same")


def test_the_beginning_of_an_id_is_looked_for_among_the_newest_runs(runs, monkeypatch, capsys):
    monkeypatch.setattr("leadagent_prefect.runs.find._NEWEST", 1)
    assert main(["status", runs.good.flow_run_id[:12]]) == 2


def test_the_log_of_a_run_is_shown_to_its_end(runs, capsys):
    assert main(["logs", runs.bad.flow_run_id, "--follow"]) == 0
    shown = capsys.readouterr().out
    assert "INFO     Beginning flow run" in shown
    assert main(["logs", runs.bad.flow_run_id, "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["timestamp"] for line in lines] == sorted(line["timestamp"] for line in lines)
    assert {"INFO", "ERROR"} == {line["level"] for line in lines}
    assert {"read", "fail", None} <= {line["task"] for line in lines}
    assert " ERROR    fail: Task run failed" in shown
    assert [line["task"] for line in lines if line["message"].startswith("Beginning flow run")] == [None]


def test_more_runs_than_a_page_has_are_asked_for_page_by_page(runs, monkeypatch, capsys):
    monkeypatch.setattr("leadagent_prefect.runs.listing._PAGE", 1)
    assert len(shown(capsys, "runs", "--json", "--limit", "2")) == 2
    assert len(shown(capsys, "runs", "--json", "--workflow", f"good-{runs.tag}")) == 1


async def test_a_log_is_followed_as_long_as_the_run_goes_on(under_way, client):
    from leadagent_prefect.runs import follow_logs

    run = under_way("hang")
    run_id = await run.started("hang")
    asyncio.get_running_loop().call_later(1.5, run.handle.cancel)
    lines = [line.message async for line in follow_logs(client, run_id, pause=0.1)]
    assert "Finished in state Cancelled('the run was cancelled; 0/1 tasks completed')" in lines


async def test_logs_come_in_pages(runs, client, monkeypatch):
    from leadagent_prefect.runs import find_run, read_logs

    monkeypatch.setattr("leadagent_prefect.runs.logs._PAGE", 2)
    run = await find_run(client, runs.bad.flow_run_id)
    lines = await read_logs(client, run.id)
    assert len(lines) > 4
    assert await read_logs(client, run.id, offset=1, limit=3) == lines[1:4]


async def test_a_run_that_goes_on_is_shown_with_its_task_runs(under_way, client, monkeypatch):
    from leadagent_prefect.runs import detail_of, find_run, list_runs

    monkeypatch.setattr("leadagent_prefect.runs.detail._PAGE", 1)
    run = under_way("read", "hang")
    run_id = await run.started("hang")
    while True:
        detail = await detail_of(client, await find_run(client, str(run_id)))
        if {task["status"] for task in detail.tasks.values()} == {"completed", "running"}:
            break
        await asyncio.sleep(0.05)
    assert str(run_id) not in {row.id for row in await list_runs(client, workflow="acts", stale=True)}
    data = detail.as_data()
    assert list(data["tasks"]) == ["read", "hang"]
    assert data["tasks"]["read"] | {"duration": 0} == {
        "status": "completed",
        "attempts": 1,
        "duration": 0,
        "error": None,
        "error_class": None,
    }
    assert (data["status"], data["stale"], data["message"]) == ("running", False, None)


def test_an_api_that_does_not_answer_as_it_should_is_code_3(monkeypatch, capsys, prefect_api):
    import httpx

    def refuse(*args: Any, **options: Any) -> Any:
        raise httpx.ConnectError("refused")

    monkeypatch.setattr("leadagent_prefect.runs.listing.runs_of_leadagent", refuse)
    assert main(["runs"]) == 3
    assert "does not answer as it should: " in capsys.readouterr().err


@pytest.fixture
def terminal(monkeypatch):
    """Standard output takes itself for a terminal."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "90")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr("leadagent_prefect.cli.run_texts._on_terminal", lambda: True)


@pytest.mark.usefixtures("terminal")
def test_on_a_terminal_ids_are_short_and_words_have_colours(runs, capsys):
    assert main(["runs", "--workflow", f"good-{runs.tag}"]) == 0
    out = capsys.readouterr().out
    assert f"\n{runs.good.flow_run_id[:8]}  \x1b[32mcompleted\x1b[0m" in out
    assert runs.good.flow_run_id not in out


@pytest.mark.usefixtures("terminal")
def test_on_a_terminal_lines_of_the_log_have_colours(runs, capsys):
    assert main(["logs", runs.bad.flow_run_id]) == 0
    out = capsys.readouterr().out
    assert "\x1b[31m" in out
    assert "ERROR    fail: Task run failed" in out


@pytest.mark.parametrize(
    ("seconds", "words"), [(None, "-"), (1.234, "1.23s"), (61.5, "1m 01s"), (7325.0, "2h 02m 05s")]
)
def test_durations_are_said_as_people_do(seconds, words):
    from leadagent_prefect.cli.run_texts import _seconds, _when

    assert _seconds(seconds) == words
    assert _when(None) == "-"


async def test_a_result_is_read_from_the_storage_it_was_written_to(runs, client, tmp_path):
    from prefect._internal.result_records import ResultRecordMetadata
    from prefect.filesystems import LocalFileSystem

    from leadagent_prefect.runs import detail_of, find_run

    block = LocalFileSystem(basepath=str(tmp_path))
    saved = await block.asave(f"results-{runs.tag}", client=client)
    (tmp_path / "kept").write_text(runs.bad.model_dump_json())
    run = await find_run(client, runs.good.flow_run_id)
    run.state.data = ResultRecordMetadata(storage_key="kept", storage_block_id=saved)
    assert (await detail_of(client, run)).result == runs.bad
    run.state.data.storage_key = "gone"
    found = await detail_of(client, run)
    assert found.result is None
    assert {name: task["status"] for name, task in found.tasks.items()} == {
        "read": "completed",
        "write": "completed",
    }


@pytest.mark.parametrize(
    ("state", "row"),
    [
        (None, ("waiting", None, None)),
        ("AwaitingRetry", ("waiting", None, None)),
        ("Skipped", ("skipped", "why", None)),
        ("TimedOut", ("failed", "why", "timeout")),
        ("Cancelled", ("cancelled", "why", "cancelled")),
        ("Crashed", ("crashed", "why", None)),
    ],
)
def test_a_task_run_is_told_in_the_words_of_a_result(state, row):
    from prefect import states
    from prefect.client.schemas.objects import TaskRun

    from leadagent_prefect.runs.detail import _row

    made = {
        "AwaitingRetry": lambda: states.AwaitingRetry(message="why"),
        "Skipped": lambda: states.Completed(name="Skipped", message="why"),
        "TimedOut": lambda: states.Failed(name="TimedOut", message="why"),
        "Cancelled": lambda: states.Cancelled(message="why"),
        "Crashed": lambda: states.Crashed(message="why"),
    }
    task = TaskRun(task_key="t", dynamic_key="0", state=made[state]() if state else None)
    found = _row(task)
    assert (found["status"], found["error"], found["error_class"]) == row


async def test_a_run_that_waits_has_little_to_tell(client, capsys):
    from prefect import flow
    from prefect.states import Scheduled

    from leadagent_prefect.cli.run_texts import print_detail
    from leadagent_prefect.runs import detail_of

    @flow(name="waits-for-its-time")
    async def waits():
        """Nothing."""

    run = await client.create_flow_run(waits, tags=["leadagent"], state=Scheduled())
    detail = await detail_of(client, await client.read_flow_run(run.id))
    print_detail(detail)
    head = f"waits-for-its-time, run {run.name} ({run.id})\n"
    assert capsys.readouterr().out == f"{head}Status: queued\n"
    detail.stale = True
    print_detail(detail)
    assert capsys.readouterr().out.endswith("Status: queued (its process is gone)\n")
