"""The curl commands of the original's documentation, word for word, answer with the fields shown there."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from uuid import UUID

import pytest
from fences import fences

#: What stands there of the original's README; addresses and ids alone are other ones here.
PAGE = (Path(__file__).parent / "original_examples.md").read_text()
TITLES = re.findall(r"^#### \d\. (.*)$", PAGE, re.MULTILINE)
BLOCKS = fences(PAGE)
EXAMPLES = dict(zip(TITLES, zip(BLOCKS[::2], BLOCKS[1::2], strict=True), strict=True))
ID = "123e4567-e89b-12d3-a456-426614174000"


@pytest.fixture
def asked(rest):
    """``asked(title, id)`` is the answer to an example, and the one that is shown."""

    def ask(title, run=ID):
        command, shown = EXAMPLES[title]
        line = command.text.replace("http://localhost:8000", rest.url).replace(ID, run)
        line = line.replace("https://jsonplaceholder.typicode.com", rest.service.url)
        done = subprocess.run(
            ["bash", "-c", line.replace("curl ", "curl -sS --noproxy '*' ", 1)],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return json.loads(done.stdout), json.loads(shown.text)

    return ask


def shape(value):
    """The names of the fields and the kinds of the values; null may stand for any."""
    if isinstance(value, dict):
        return {name: shape(part) for name, part in value.items()}
    if isinstance(value, list):
        return [shape(part) for part in value[:1]]
    return (
        "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__
    )


def test_every_example_is_there():
    assert [len(block.text) > 50 for block in BLOCKS] == [True] * 8
    assert [block.language for block in BLOCKS] == ["bash", "json"] * 4


def test_a_run_is_made_followed_and_listed(rest, asked):
    made, shown = asked("Create and Execute Workflow")
    assert shape(made) == shape(shown)
    run = str(UUID(made.pop("execution_id")))
    assert {name: made[name] for name in ("name", "status", "total_tasks")} == {
        name: shown[name] for name in ("name", "status", "total_tasks")
    }

    status, shown = asked("Check Workflow Status", run)
    assert list(status) == list(shown)
    assert shape({**status, "current_task": status["current_task"] or ""}) == shape(shown)
    assert status["message"].startswith("Workflow ")

    with rest.client() as client:
        assert rest.ended(client, run)["status"] == "completed"
    listed, shown = asked("List All Workflows", run)
    assert (list(listed), listed["page"], listed["page_size"]) == (list(shown), 1, 10)
    expected = shown["workflows"][0]
    assert {tuple(row) for row in listed["workflows"]} == {tuple(expected)}
    with rest.client() as client:  # other tests may have filled the first page meanwhile
        rows = client.get("/api/v1/workflows?page_size=100&status=completed").json()["workflows"]
    row = next(one for one in rows if one["execution_id"] == run)
    assert shape(row) == shape(expected)
    same = ("name", "status", "total_tasks", "completed_tasks", "results")
    assert {name: row[name] for name in same} == {name: expected[name] for name in same}


def test_an_agent_is_tested(asked):
    answer, shown = asked("Test Agent Configuration")
    assert list(answer) == list(shown)
    assert shape(answer) == shape(shown)
    assert {**answer, "response_time": 0} == {**shown, "response_time": 0}
