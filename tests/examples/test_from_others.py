"""The example workflows of other systems, in this language: each runs, and the table says what is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "from-others"
FILES = sorted(FOLDER.glob("*.yaml"))


async def test_items_are_given_or_thought_of(run_example):
    thought_of = await run_example("from-others/conductor_for_each.yaml")
    given = await run_example("from-others/conductor_for_each.yaml", items=["apple"])
    assert (thought_of.outputs["processed"], given.outputs["processed"]) == (3, 1)
    assert given.tasks["find_items"].status == "skipped"
    assert given.outputs["summary"] == "Item 1: apple. Failed: 0."


async def test_each_question_is_answered_by_a_workflow_of_its_own(run_example):
    result = await run_example("from-others/conductor_deep_dives.yaml")
    assert result.outputs["count"] == 3
    assert result.results["deep_dive"][1] == {"answer": "What is type systems?.", "confidence": "high"}


@pytest.mark.parametrize(
    ("request_", "route"),
    [("I want a refund", "refund"), ("the sales team, please", "sales"), ("it does not start", "support")],
)
async def test_a_request_goes_the_way_that_was_chosen(run_example, request_, route):
    result = await run_example("from-others/conductor_oss_routing.yaml", request=request_)
    assert result.outputs["route"] == route
    assert list(result.results) == ["choose", route]
    assert list(result.outputs["output"].values()) == [request_]


async def test_what_was_fanned_out_is_brought_together(run_example):
    result = await run_example("from-others/zigflow_fan_out_fan_in.yaml")
    assert result.outputs == {"total": 4, "datasets": ["daily", "weekly", "wire"]}


async def test_loops_in_loops_see_what_is_around_them(run_example):
    result = await run_example("from-others/kestra_loop.yaml")
    assert result.results["each"][1]["last"] == "last > first > s2"
    assert result.results["each"][2]["inner"][1]["two"] == "two > b b >> get one > b b"
    assert result.results["end"] == "end > one > a a"


async def test_a_post_is_judged_until_it_is_fit(run_example):
    result = await run_example("from-others/crewai_self_evaluation.yaml")
    assert result.outputs == {"text": "Flying cars. They shall rise as larks at break of day."}
    assert result.results["save"]["url"].startswith("/digests/")


async def test_a_post_that_never_is_ends_the_run(run_example):
    endless = "O! " * 200
    result = await run_example("from-others/crewai_self_evaluation.yaml", topic=endless)
    assert result.status == "failed"
    assert result.results["give_up"].startswith("not fit after four rounds: ")


@pytest.mark.parametrize("inventory", ["/reservations", "/broken"])
async def test_a_transaction_is_whole_or_undone(run_example, services, inventory):
    before = len(services.requests)
    result = await run_example("from-others/aws_long_lived_transaction.yaml", inventory=inventory)
    undone = [(one.task, one.status) for one in result.compensated]
    assert undone == ([] if result.status == "completed" else [("pay", "completed"), ("order", "completed")])
    assert (result.status == "completed") == (inventory == "/reservations")
    assert services.requests[-1] == ("POST", "/notices")
    assert len(services.requests) - before == (4 if result.status == "completed" else 8)


async def test_a_job_is_asked_after_until_it_has_ended(run_example):
    result = await run_example("from-others/cncf_monitor_job.yaml")
    assert result.outputs == {"state": "SUCCEEDED"}
    assert result.tasks["wait_for_completion"].attempts == 2


def lines(path: Path) -> int:
    """Those that say something: not blank and no comment."""
    text = path.read_text(encoding="utf-8").splitlines()
    return sum(bool(line.strip()) and not line.strip().startswith("#") for line in text)


def test_the_table_has_every_file_and_its_true_length():
    shown: dict[str, Any] = {}
    for row in (FOLDER / "README.md").read_text(encoding="utf-8").splitlines():
        names = re.findall(r"\[`([\w.]+)`\]\(\1\)", row)
        if names:
            ours, theirs = (int(cell) for cell in re.findall(r"\| (\d+) (?=\|)", row))
            shown[" ".join(names)] = ours
            assert ours == sum(lines(FOLDER / name) for name in names)
            assert ours < theirs
    assert sorted(" ".join(shown).split()) == [path.name for path in FILES]
    assert len(shown) == 8


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_file_says_whence_it_is(path):
    assert re.match(r"# After [\w./-]+ .*\b[\w-]+/[\w-]+", path.read_text(encoding="utf-8"))
