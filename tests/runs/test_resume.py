"""`leadagent resume` and `LeadAgent.resume`: which runs they take up, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from leadagent_prefect import ConfigurationError, LeadAgent
from leadagent_prefect.cli import main

FILE = """\
name: two
inputs:
  n: {type: integer, default: 1}
agents:
  - {name: actor, type: actor, endpoint: "actor://"}
tasks:
  - {name: a, agent_name: actor, action: go, parameters: {n: "{{ inputs.n }}"}}
  - {name: m, agent_name: actor, action: "%s", for_each: [1, 2], depends_on: [a]}
  - {name: b, agent_name: actor, action: go, parameters: {n: "{{ tasks.m.result }}"}}
  - {name: never, value: 1, when: false}
"""


async def luck(agent: Any) -> None:
    raise RuntimeError("no luck")


@pytest.fixture
def failed(actor: dict[str, Any], prefect_api: Any, tmp_path: Path) -> tuple[Path, str]:
    """A file, and a run of it that failed."""
    actor["try"] = luck
    file = tmp_path / "two.yaml"
    file.write_text(FILE % "try")
    result = LeadAgent().execute_workflow_from_file_sync(file, {"n": 7})
    assert result.status == "failed"
    return file, result.flow_run_id or ""


def test_a_run_is_taken_up_from_the_command_line(
    failed: tuple[Path, str], actor: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    file, run_id = failed
    assert main(["resume", run_id[:13], "--dry-run"]) == 0
    expected = "  reused   a\n  runs     m\n  runs     b\n  skipped  never\n"
    assert capsys.readouterr().out == f"two, run {run_id}\n{expected}"
    del actor["try"]
    file.unlink()  # the run has its text
    assert main(["resume", run_id, "-q", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["status"], result["flow_run_id"]) == ("completed", run_id)
    assert [row["attempts"] for row in result["tasks"].values()] == [0, 2, 1, 0]

    assert main(["resume", run_id]) == 2
    assert "is completed: there is nothing to resume; with --from TASK" in capsys.readouterr().err
    assert main(["resume", run_id, "--from", "b", "--dry-run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["id"], told["workflow"], told["undoes"]) == (run_id, "two", False)
    assert told["tasks"]["m"] == {"what": "reused", "reused": 2, "total": 2}
    assert {name: row["what"] for name, row in told["tasks"].items()} == {
        "a": "reused",
        "m": "reused",
        "b": "runs",
        "never": "skipped",
    }
    assert main(["resume", run_id, "--from", "b", "--json", "-q"]) == 0
    assert json.loads(capsys.readouterr().out)["tasks"]["b"]["attempts"] == 1
    assert main(["resume", run_id, "--from", "c"]) == 2
    assert 'there is no task "c"; ' in capsys.readouterr().err


def test_a_changed_file_is_refused_with_the_difference_and_taken_with_force(
    failed: tuple[Path, str], actor: dict[str, Any]
) -> None:
    file, run_id = failed
    file.write_text(FILE % "go" + "".join(f"  - {{name: more{n}, value: {n}}}\n" for n in range(60)))
    with pytest.raises(ConfigurationError, match="was changed after run") as refused:
        LeadAgent().resume_sync(run_id)
    assert '\n  +  - {name: m, agent_name: actor, action: "go"' in str(refused.value)
    assert str(refused.value).endswith("more lines")
    result = LeadAgent().resume_sync(run_id, force=True)
    assert (result.status, result.tasks["a"].attempts, result.results["more3"]) == ("completed", 0, 3)


def test_items_that_have_completed_are_told_apart(
    failed: tuple[Path, str], actor: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    file, _ = failed
    made: list[str] = []

    async def second_fails(agent: Any) -> None:
        made.append(agent.call.task)
        if agent.call.task == "m[1]":
            raise RuntimeError("no luck")

    actor["try"] = second_fails
    result = LeadAgent().execute_workflow_from_file_sync(file)
    assert main(["resume", str(result.flow_run_id), "--dry-run"]) == 0
    assert "  runs     m (1 of 2 items are reused)\n" in capsys.readouterr().out


async def test_a_run_that_goes_on_is_refused(under_way: Any) -> None:
    run_id = str(await under_way("go", "hang").started("hang"))
    with pytest.raises(ConfigurationError, match=f"run {run_id} goes on, in process "):
        await LeadAgent().resume(run_id)


async def test_what_can_not_be_taken_up_says_why(prefect_api: Any, actor: Any, client: Any) -> None:
    from prefect import flow
    from prefect.states import Scheduled

    @flow(name="plain-of-somebody")
    async def plain() -> None:
        return None

    state: Any = await plain(return_state=True)
    lead = LeadAgent()
    with pytest.raises(ConfigurationError, match="has kept nothing that it could be resumed with"):
        await lead.resume(str(state.state_details.flow_run_id))
    waiting = await client.create_flow_run(plain, state=Scheduled())
    with pytest.raises(ConfigurationError, match="has kept nothing"):
        await lead.resume(str(waiting.id))
    with pytest.raises(ConfigurationError, match="no run"):
        await lead.resume("nobody-knows-it")


async def test_what_a_secret_stood_in_is_not_kept(
    prefect_api: Any, actor: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("THE_SECRET", "hush-hush-hush")
    actor["try"] = luck
    task = {
        "name": "t",
        "agent_name": "actor",
        "action": "try",
        "parameters": {"s": "{{ secrets.THE_SECRET }}"},
    }
    workflow = {
        "name": "secretive",
        "inputs": {"x": {"type": "string"}},
        "agents": [{"name": "actor", "type": "actor", "endpoint": "actor://"}],
        "tasks": [task],
    }
    lead = LeadAgent()
    result = await lead.execute_workflow_from_dict(workflow, {"x": "it is hush-hush-hush"})
    with pytest.raises(ConfigurationError, match='a secret stood in input "x" of the run'):
        await lead.resume(str(result.flow_run_id))
    literal = {**workflow, "inputs": {}, "description": "hush-hush-hush"}
    result = await lead.execute_workflow_from_dict(literal)
    with pytest.raises(ConfigurationError, match="holds a credential, and so its text was not kept"):
        await lead.resume(str(result.flow_run_id))
    file = tmp_path / "literal.json"
    file.write_text(json.dumps(literal))
    result = await lead.execute_workflow_from_file(file)
    file.write_text(json.dumps({**literal, "version": "2.0.0"}))
    with pytest.raises(ConfigurationError, match="not shown: the workflow holds a credential"):
        await lead.resume(str(result.flow_run_id))
