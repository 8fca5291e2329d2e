"""A fresh clone after `prefect server start`, `leadagent worker` and `prefect deploy --all`."""

from __future__ import annotations

import json
import urllib.error
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from waiting import until

from leadagent_prefect.loader import load

ROOT = Path(__file__).resolve().parents[2]

#: A server and a worker are started first.
pytestmark = pytest.mark.timeout(300)

#: How the runs of these end, each from its deployment; tests/examples runs all of them from their files.
EXAMPLES = {
    "at_the_end": "Failed",
    "branches": "Completed",
    "continue_on_failure": "Failed",
    "custom_agent": "Completed",
    "news_digest": "Completed",
    "parallel_workflow": "Completed",
    "partial_completion_allowed": "PartiallyCompleted",
    "research_digest": "Completed",
    "retries": "Completed",
    "simple_workflow": "Completed",
    "stock_watch": "Completed",
    "stop_on_first_failure": "Failed",
    "sub_workflow": "Completed",
    "undo": "Failed",
}


def test_every_workflow_of_the_examples_is_deployed(deployed: Any) -> None:
    names = {load(path).workflow.name for path in (ROOT / "examples").rglob("*.yaml")}
    entries = yaml.safe_load((deployed.project / "prefect.yaml").read_text())["deployments"]
    found = {row["name"]: row for row in deployed.server.post("/deployments/filter", {})}
    assert set(found) == {entry["name"] for entry in entries} == {*names, "digest form"}
    assert {row["work_pool_name"] for row in found.values()} == {"leadagent"}
    assert {name: row["entrypoint"] for name, row in found.items()} == {
        entry["name"]: entry["entrypoint"] for entry in entries
    }


def test_a_run_of_each_example_ends_as_it_does_from_its_file(deployed: Any, services: Any) -> None:
    addresses = {**services.inputs, "news_url": services.url, "ai_url": f"{services.url}/v1"}
    for name, state in EXAMPLES.items():  # one after another, which is what a server on SQLite bears
        taken = deployed.deployment(name)["parameter_openapi_schema"]["properties"]
        given = {key: value for key, value in addresses.items() if key in taken}
        run = deployed.ended(deployed.start(name, **given))
        assert run["state"]["name"] == state, deployed.logs(run["id"])


def test_a_run_made_by_the_api_has_the_inputs_that_it_was_given(deployed: Any, services: Any) -> None:
    run = deployed.ended(deployed.start("digest form", topic="wind", mixed=[{"a": None}, 2.5], sources=5))
    assert run["state"]["name"] == "Completed", deployed.logs(run["id"])
    assert run["state"]["message"] == "3/3 tasks completed"
    assert run["parameters"] == {"topic": "wind", "mixed": [{"a": None}, 2.5], "sources": 5}
    assert ("GET", "/articles?topic=wind") in services.requests


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({}, "'topic' is a required property"),
        ({"topic": 1}, "'topic'. Failure reason: 1 is not of type 'string'"),
        ({"topic": "a", "sources": 6}, "'sources'. Failure reason: 6 is greater than the maximum of 5"),
        ({"topic": "a", "tone": "loud"}, "'tone'. Failure reason: 'loud' is not one of ['dry', 'warm']"),
        ({"topic": "a", "words": [1]}, "'words[0]'. Failure reason: 1 is not of type 'string'"),
    ],
)
def test_inputs_that_do_not_fit_make_no_run(deployed: Any, parameters: dict[str, Any], reason: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        deployed.start("digest form", **parameters)
    assert refused.value.code == 409
    assert reason in json.load(refused.value)["detail"]


def test_an_input_that_is_not_known_fails_the_run_and_is_named(deployed: Any) -> None:
    run = deployed.ended(deployed.start("digest form", topic="wind", topics="wind"))
    assert run["state"]["type"] in ("FAILED", "CRASHED")
    assert "topics" in run["state"]["message"] + deployed.logs(run["id"])


def test_a_schedule_makes_runs_that_complete_with_its_inputs(deployed: Any) -> None:
    runs = until(lambda: _several(deployed.runs("stock_watch")), 120, lambda: "two runs of the schedule")
    assert {run["state"]["name"] for run in runs} == {"Completed"}, deployed.logs(runs[0]["id"])
    assert [run["parameters"] for run in runs] == [{"item": "pears"}] * len(runs)
    times = [datetime.fromisoformat(run["expected_start_time"].replace("Z", "+00:00")) for run in runs]
    assert {(later - times[0]).total_seconds() % 10 for later in times[1:]} == {0}


def _several(runs: list[Any]) -> list[Any] | None:
    scheduled = [run for run in runs if run["auto_scheduled"]]
    return scheduled if len(scheduled) > 1 else None
