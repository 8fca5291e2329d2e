"""The worst case of tasks in tasks, of rounds, and of what runs at the end, by numbers made by hand."""

from __future__ import annotations

import pytest

from leadagent_prefect.cli.plan_report import plan_report
from leadagent_prefect.cli.plan_text import lines
from leadagent_prefect.models import Workflow
from leadagent_prefect.plan import build

AGENT = {"name": "a", "type": "http_api", "endpoint": "http://127.0.0.1", "timeout": 10}
X, Y = {"name": "x"}, {"name": "y"}
X_THEN_Y = [X, {"name": "y", "depends_on": ["x"]}]
TWICE = {"max_attempts": 2, "initial_delay": 1, "max_delay": 4, "jitter": False}
UNDO = {"action": "DELETE"}
KINDS = {"workflow", "tasks", "value"}


def filled(tasks):
    """Tasks that call the agent where they say nothing else; a call takes 10 seconds."""
    call = {"agent_name": "a", "action": "GET"}
    rows = [({} if KINDS & task.keys() else call) | task for task in tasks]
    return [row | {"tasks": filled(row["tasks"])} if "tasks" in row else row for row in rows]


def planned(*tasks, parts=None, **settings):
    written = {"name": "w", "agents": [AGENT], "tasks": filled(tasks), **settings}
    written |= {key: filled(settings[key]) for key in ("on_failure", "finally") if key in settings}
    return build(Workflow.model_validate(written, by_alias=True, by_name=False), parts=parts)


def worst(*tasks, **settings):
    found = plan_report(planned(*tasks, **settings))["worst_case"]
    return found["calls"], found["seconds"]


PARALLEL = {"parallel_execution": True}


def test_every_round_counts_with_all_its_attempts_and_the_pause_before_it():
    repeat = {"until": "{{ result }}", "every": 5, "max_times": 4}
    # 4 rounds of 2 x 10 + 4, and 3 pauses of 5
    assert worst(X | {"repeat": repeat, "retry_config": TWICE}) == (8, 4 * 24 + 3 * 5)


def test_tasks_that_stand_inline_count_for_every_item():
    each = {"name": "each", "for_each": [1, 2, 3], "tasks": X_THEN_Y}
    assert worst(each) == (6, 60.0)
    assert worst(each, **PARALLEL) == (6, 20.0)
    # S = 60, C = 2 waves of 20, W = 2, and 4 can meet: 60 / 2 + 40 / 2
    assert worst(each, **PARALLEL, max_parallel_tasks=2) == (6, 50.0)


def test_a_timeout_bounds_an_attempt_of_them():
    each = {"name": "each", "for_each": [1, 2, 3], "tasks": X_THEN_Y, "timeout": 15}
    assert worst(each) == (6, 45.0)
    # S = 3 x min(20, 2 x 15), C = 2 waves of 15, W = 2: 60 / 2 + 30 / 2
    assert worst(each, **PARALLEL, max_parallel_tasks=2) == (6, 45.0)


def test_items_in_items_that_find_no_slot_wait_for_one():
    inner = {"name": "in", "for_each": [1, 2, 3, 4], "max_concurrency": 3}
    outer = {"name": "out", "for_each": [1, 2, 3, 4, 5], "max_concurrency": 5, "tasks": [inner]}
    assert worst(outer) == (20, 20.0)
    # S = 200, C = 2 waves of 10, W = 6, and 15 can meet: 200 / 6 + 20 x 5 / 6
    assert worst(outer, max_parallel_tasks=6) == (20, 50.0)


@pytest.fixture
def part():
    ends = {"on_failure": [{"name": "t"}], "finally": [{"name": "c"}]}
    return {"other.yaml": planned(*X_THEN_Y, **ends)}


def test_a_sub_workflow_counts_with_what_runs_at_its_end(part):
    sub = {"name": "sub", "workflow": "other.yaml"}
    assert worst(sub, parts=part) == (4, 40.0)
    bounded = sub | {"timeout": 15, "retry_config": TWICE}
    # twice min(20, 15), and 2 x 10 at its end, which its timeout does not bound; a wait of 4
    assert worst(bounded, parts=part) == (8, 2 * 35 + 4)
    report = plan_report(planned(bounded, parts=part))["tasks"][0]
    assert (report["attempt_seconds"], report["workflow"]) == (35.0, "other.yaml")
    assert [task["name"] for task in report["body"]["tasks"]] == ["x", "y"]
    assert report["body"]["finally"]["worst_case"] == {"calls": 1, "seconds": 10.0}


def test_a_sub_workflow_has_slots_of_its_own(part):
    sub = {"name": "sub", "workflow": "other.yaml"}
    one = {**PARALLEL, "max_parallel_tasks": 1, "parts": part}
    assert worst(sub, X, **one) == (5, 40.0)
    assert worst(sub, X, Y, **one) == (6, 60.0)  # S / 1


def test_ten_levels_of_sub_workflows_with_ten_calls_each_are_counted_at_once():
    plan = planned(X | {"compensate": UNDO})
    for _ in range(10):
        subs = [{"name": f"s{n}", "workflow": "inner.yaml"} for n in range(10)]
        plan = planned(*subs, parts={"inner.yaml": plan}, **PARALLEL, max_parallel_tasks=5)
    report = plan_report(plan, opened=False)
    assert plan.steps[0].body.is_undoable
    assert report["worst_case"] == {"calls": 10**10, "seconds": 10.0}
    assert report["compensation"] == {"calls": 10**10, "seconds": 10.0**11}


def test_what_runs_at_the_end_has_a_worst_case_of_its_own():
    ends = {"on_failure": [X], "finally": [{"name": "c"}, {"name": "d"}]}
    report = plan_report(planned({"name": "t"}, **ends, global_timeout=3))
    assert report["worst_case"] == {"calls": 1, "seconds": 3.0}
    assert report["on_failure"]["worst_case"] == {"calls": 1, "seconds": 10.0}
    assert report["finally"]["worst_case"] == {"calls": 2, "seconds": 20.0}


def undoing(*tasks, **settings):
    found = plan_report(planned(*tasks, **settings))["compensation"]
    return found["calls"], found["seconds"]


def test_every_item_is_undone():
    assert undoing(X | {"for_each": [1, 2, 3], "compensate": UNDO}) == (3, 30.0)


def test_a_body_is_undone_task_by_task_as_often_as_it_can_be_begun():
    repeat = {"until": "{{ result }}", "max_times": 3}
    body = {"tasks": [X | {"compensate": UNDO}], "for_each": [1, 2], "repeat": repeat, "retry_config": TWICE}
    assert undoing({"name": "b", **body}) == (2 * 3 * 2, 120.0)
    own = {"agent_name": "a", "action": "DELETE", "retry_config": TWICE}
    # Of each item the 3 rounds have an attempt each that did not complete; its own undo takes 2 x 10 + 4.
    assert undoing({"name": "b", **body, "compensate": own}) == (2 * (3 + 2), 2 * (3 * 10 + 24.0))


def test_the_text_opens_all_or_leaves_it_closed(part):
    repeat = {"until": "{{\n result }}", "every": 90, "max_times": 3}
    plan = planned(
        {"name": "sub", "workflow": "other.yaml", "repeat": repeat},
        {"name": "each", "for_each": [1, 2], "tasks": [{"name": "in", "for_each": "{{ item }}"}]},
        parts=part,
        on_failure=[{"name": "tell"}],
        **{"finally": [{"name": "clean", "value": 1}]},
    )
    assert list(lines(plan_report(plan))) == [
        "w 1.0.0: 2 tasks, one at a time",
        "On a failure: stop_on_first_failure",
        "",
        "1. sub  [workflow: other.yaml]",
        "   1 attempt of at most 40s",
        "   until {{ result }}, at most 3 times, 1m 30s apart",
        "   1.1. x  [a: GET]",
        "        1 attempt of at most 10s",
        "   1.2. y  [a: GET]",
        "        waits for x",
        "        1 attempt of at most 10s",
        "   After a run that failed (on_failure):",
        "   1.1. t  [a: GET]",
        "        1 attempt of at most 10s",
        "   At the end of every run (finally):",
        "   1.1. c  [a: GET]",
        "        1 attempt of at most 10s",
        "2. each  [tasks]",
        "   for each of 2",
        "   1 attempt of at most 10s",
        "   2.1. in  [a: GET]",
        "        for each of {{ item }}",
        "        1 attempt of at most 10s",
        "",
        "After a run that failed (on_failure):",
        "1. tell  [a: GET]",
        "   1 attempt of at most 10s",
        "",
        "At the end of every run (finally):",
        "1. clean  [value]",
        "",
        "Worst case: 14 calls, 5m 20s",  # 3 x 40 + 2 x 90, and 2 x 10
        "After a run that failed: 1 call, 10s more",
        "At the end of every run: 0 calls, 0s more",
        "  (how many items these have is not known, and they are counted as one: in)",
    ]
    closed = list(lines(plan_report(plan, opened=False)))
    assert closed[3:10] == [
        "1. sub  [workflow: other.yaml]",
        "   1 attempt of at most 40s",
        "   until {{ result }}, at most 3 times, 1m 30s apart",
        "2. each  [tasks]",
        "   for each of 2",
        "   1 attempt of at most 10s",
        "",
    ]
    assert "Worst case: 14 calls, 5m 20s" in closed
