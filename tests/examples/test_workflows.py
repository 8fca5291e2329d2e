"""Every workflow file of examples/, run from its first byte to its result."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from leadagent_prefect import LeadAgent
from leadagent_prefect.diagnostics import render_text
from leadagent_prefect.loader import load

FILES = sorted((Path(__file__).resolve().parents[2] / "examples").rglob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_workflow_of_the_examples_is_valid_without_a_warning(path):
    assert render_text(load(path).warnings) == ""


async def test_simple_workflow_hands_data_from_task_to_task(run_example, services):
    result = await run_example("simple_workflow.yaml", tools=services.tools_url)
    assert result.errors == {}
    assert result.status == "completed"
    assert list(result.results) == [
        "fetch_raw_data",
        "process_with_ai",
        "analyze_with_mcp",
        "generate_report",
    ]
    assert result.results["fetch_raw_data"]["count"] == 100
    assert result.results["process_with_ai"]["data"]["confidence"] == 0.95
    assert result.results["analyze_with_mcp"] == {"correlation": 0.7693, "samples": 100}
    assert result.results["generate_report"]["url"].startswith("/digests/")


async def test_parallel_workflow_combines_the_results_of_its_sources(run_example):
    result = await run_example("parallel_workflow.yaml")
    assert result.errors == {}
    assert result.completed_tasks == 4
    assert result.results["combine_results"]["content"] == (
        "combine of fetch_data_source_1, fetch_data_source_2, fetch_data_source_3"
    )


async def test_retries_are_made_as_each_task_says(run_example):
    result = await run_example("retries.yaml")
    assert result.errors == {}
    assert {name: task.attempts for name, task in result.tasks.items()} == {
        "fails_twice": 3,
        "fails_once": 2,
        "is_not_there": 1,
    }
    assert result.results["is_not_there"] == {"error": "no source unknown"}
    assert result.outputs == {"rows": 100}


async def test_stop_on_first_failure_starts_nothing_more(run_example, services):
    before = len(services.requests)
    result = await run_example("failure_strategies/stop_on_first_failure.yaml")
    assert result.status == "failed"
    assert {name: task.status for name, task in result.tasks.items()} == {
        "list_articles": "completed",
        "order": "failed",
        "announce": "skipped",
    }
    assert "out of order" in result.errors["order"]
    assert services.requests[before:] == [("GET", "/articles"), ("POST", "/broken")]


async def test_continue_on_failure_runs_what_does_not_depend_on_it(run_example):
    result = await run_example("failure_strategies/continue_on_failure.yaml")
    assert result.status == "failed"
    assert {name: task.status for name, task in result.tasks.items()} == {
        "daily": "completed",
        "broken": "failed",
        "wire": "completed",
        "publish_daily": "completed",
        "publish_broken": "skipped",
        "weather": "failed",
    }
    assert set(result.errors) == {"broken", "weather"}


async def test_partial_completion_is_completed_when_enough_tasks_are(run_example):
    result = await run_example("failure_strategies/partial_completion_allowed.yaml")
    assert result.status == "completed"
    assert result.completed_tasks == 3
    assert set(result.errors) == {"closed", "broken"}


@pytest.mark.parametrize(
    ("inputs", "status", "ran", "posts"),
    [
        ({}, "completed", ["fetch", "review", "publish"], ["/digests"]),
        ({"topic": "wind"}, "completed", ["fetch", "note", "publish"], ["/digests"]),
        ({"topic": "coal"}, "completed", ["fetch", "nothing_to_read"], []),
        ({"shelf": "/broken"}, "failed", ["fetch", "review", "alarm"], ["/broken", "/digests"]),
    ],
    ids=["several", "one", "none", "broken"],
)
async def test_branches_run_by_what_is_found_and_what_fails(
    run_example, services, inputs, status, ran, posts
):
    before = len(services.requests)
    result = await run_example("branches.yaml", **inputs)
    assert (result.status, list(result.results)) == (status, ran)
    assert set(result.errors) == ({"publish"} if status == "failed" else set())
    assert result.skipped_tasks == 6 - len(ran) - len(result.errors)
    assert [path for method, path in services.requests[before:] if method == "POST"] == posts


def test_the_custom_agent_is_found_beside_its_workflow(examples, prefect_api):
    done = subprocess.run(
        [sys.executable, "-m", "leadagent_prefect", "run", "examples/custom_agent/workflow.yaml"],
        cwd=examples.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Workflow completed with status: completed\nCompleted tasks: 2/2\n")


async def test_the_scheduled_workflow_runs_by_hand_as_well(prefect_api, examples):
    path = examples / "scheduled" / "workflow.yaml"
    result = await LeadAgent().execute_workflow_from_file(path, {"item": "pears", "enough": 40})
    assert result.outputs == {"left": 30, "advice": "order more"}
