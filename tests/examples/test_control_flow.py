"""The examples of control flow: maps, rounds, tasks in tasks, undoing, reuse, what runs at the end."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

ROOFS = "A village of 900 people now makes more electricity on its roofs than it uses."


@pytest.fixture
def called(services):
    """The requests since the test began, without the numbers of what is kept."""
    before = len(services.requests)

    def since() -> list[str]:
        return [
            f"{method} {path.partition('?')[0].rstrip('0123456789')}"
            for method, path in services.requests[before:]
        ]

    return since


def statuses(result: Any) -> dict[str, str]:
    return {name: task.status for name, task in result.tasks.items()}


async def test_a_map_leaves_out_what_it_tolerates(run_example):
    result = await run_example("maps.yaml")
    assert result.status == "completed"
    assert [text.partition(". ")[0] for text in result.outputs["texts"]] == [
        ROOFS[:-1],
        "Researchers printed solar cells thinner than paper that keep most of their yield",
    ]
    assert set(result.outputs["missing"]) == {"4"}
    assert result.tasks["read"].items.model_dump() == {"total": 3, "completed": 2, "failed": 1}


async def test_a_failed_order_is_undone_newest_first(run_example, called):
    result = await run_example("undo.yaml")
    assert result.status == "failed"
    assert [(one.task, one.status) for one in result.compensated] == [
        ("pay", "completed"),
        ("order", "completed"),
    ]
    assert called()[-2:] == ["DELETE /payments/", "DELETE /orders/"]


async def test_an_order_that_goes_through_is_not(run_example):
    result = await run_example("undo.yaml", carrier="/reservations")
    assert (result.status, result.compensated) == ("completed", [])


async def test_a_cached_answer_is_taken_from_the_run_before(run_example, called):
    edition = uuid.uuid4().hex
    runs = [await run_example("cached.yaml", edition=edition) for _ in range(2)]
    assert [run.tasks["fetch"].attempts for run in runs] == [1, 0]
    assert [run.outputs for run in runs] == [{"count": 4}] * 2
    assert called() == ["GET /articles"]


async def test_a_text_is_refined_until_it_is_good(run_example, called):
    result = await run_example("refine.yaml")
    assert result.outputs == {"text": ROOFS}
    assert called() == ["POST /v1/chat/completions"] * 6


async def test_a_sub_workflow_runs_as_often_as_it_is_named(run_example):
    result = await run_example("sub_workflow/workflow.yaml")
    assert result.outputs == {
        "titles": ["A village runs on its roofs", "Thinner cells", "Panels get cheaper", "Night wind"]
    }


async def test_inline_tasks_are_done_for_each_item(run_example):
    result = await run_example("inline_tasks.yaml", topic="energy")
    assert result.outputs["lengths"] == [
        {"title": "A village runs on its roofs", "words": 24},
        {"title": "Night wind", "words": 19},
    ]


@pytest.mark.parametrize(
    ("shelf", "status", "posts"),
    [("/broken", "failed", 3), ("/digests", "completed", 2)],
    ids=["failed", "completed"],
)
async def test_a_record_is_made_in_any_case_and_an_alarm_on_failure(
    run_example, called, shelf, status, posts
):
    result = await run_example("at_the_end.yaml", shelf=shelf)
    assert result.status == status
    assert "record" in result.results
    assert ("alarm" in result.results) == (status == "failed")
    assert called() == [f"POST {shelf}", *["POST /notices"] * (posts - 1)]


async def digest(run_example, **inputs: str) -> Any:
    return await run_example("news_digest/workflow.yaml", edition=uuid.uuid4().hex, **inputs)


async def test_the_news_digest_is_refined_and_published(run_example, called):
    result = await digest(run_example)
    assert result.status == "completed"
    assert result.outputs["text"] == f"A village runs on its roofs. {ROOFS}"
    assert set(result.outputs["left_out"]) == {"4"}
    assert statuses(result)["as_it_is"] == "skipped"
    assert result.tasks["refine"].attempts == 2
    assert called()[-3:] == ["POST /digests", "POST /notices", "POST /notices"]


async def test_a_news_digest_that_is_good_is_published_as_it_is(run_example):
    result = await digest(run_example, topic="wind")
    assert statuses(result)["refine"] == "skipped"
    assert result.outputs["text"] == "Night wind. Wind farms filled the gap of a cloudy week."


async def test_a_news_digest_of_nothing_ends_early(run_example, called):
    result = await digest(run_example, topic="coal")
    assert (result.status, result.outputs["url"]) == ("completed", None)
    assert list(result.results) == ["find", "nothing_new", "record"]
    assert called() == ["GET /articles", "POST /notices"]


async def test_a_news_digest_that_can_t_be_announced_is_taken_back(run_example, called):
    result = await digest(run_example, topic="wind", board="/broken")
    assert result.status == "failed"
    assert [(one.task, one.status) for one in result.compensated] == [("publish", "completed")]
    assert called()[-3:] == ["DELETE /digests/", "POST /notices", "POST /notices"]
    assert {"alarm", "record"} <= result.results.keys()
