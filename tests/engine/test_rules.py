"""The trigger rules, one end of a task after another."""

from __future__ import annotations

from typing import Any

import pytest

from leadagent_prefect.engine.outcome import Outcome
from leadagent_prefect.engine.steps.rules import skip_for
from leadagent_prefect.models import Workflow
from leadagent_prefect.plan import Step, build

ENDS = {
    "completed": Outcome("completed", result=1),
    "failed": Outcome("failed", error="no"),
    "tolerated": Outcome("failed", error="no", tolerated=True),
    "skipped": Outcome("skipped", error="its condition does not hold"),
    "skipped by a failure": Outcome("skipped", error="x", from_failure=True),
    "cancelled": Outcome("cancelled", error="the run was cancelled"),
}
RUNS, SKIPPED, FROM_FAILURE = "runs", "skipped", "skipped by a failure"


def step(rule: str, names: tuple[str, ...], **more: Any) -> Step:
    tasks = [{"name": name, "value": 1} for name in names]
    last = {"name": "last", "value": 1, "trigger_rule": rule, "depends_on": list(names), **more}
    return build(Workflow.model_validate({"name": "w", "tasks": [*tasks, last]})).by_name["last"]


def judged(rule: str, *ends: str) -> str:
    outcomes = {f"t{n}": ENDS[end] for n, end in enumerate(ends)}
    skip = skip_for(step(rule, tuple(outcomes)), outcomes)
    if skip is None:
        return RUNS
    assert (skip.status, skip.result, bool(skip.error)) == ("skipped", None, True)
    return FROM_FAILURE if skip.from_failure else SKIPPED


@pytest.mark.parametrize(
    ("end", "all_success", "none_failed", "all_done", "one_success", "one_failed"),
    [
        ("completed", RUNS, RUNS, RUNS, RUNS, SKIPPED),
        ("failed", FROM_FAILURE, FROM_FAILURE, RUNS, FROM_FAILURE, RUNS),
        ("tolerated", RUNS, RUNS, RUNS, SKIPPED, RUNS),
        ("skipped", SKIPPED, RUNS, RUNS, SKIPPED, SKIPPED),
        ("skipped by a failure", FROM_FAILURE, FROM_FAILURE, RUNS, FROM_FAILURE, RUNS),
        ("cancelled", FROM_FAILURE, FROM_FAILURE, RUNS, FROM_FAILURE, RUNS),
    ],
)
def test_each_rule_judges_each_end(
    end: str, all_success: str, none_failed: str, all_done: str, one_success: str, one_failed: str
) -> None:
    found = [judged(rule, end) for rule in ("all_success", "none_failed", "all_done")]
    assert found == [all_success, none_failed, all_done]
    assert [judged(rule, end) for rule in ("one_success", "one_failed")] == [one_success, one_failed]


@pytest.mark.parametrize(
    ("rule", "ends", "expected"),
    [
        ("all_success", ["completed", "skipped"], SKIPPED),
        ("all_success", ["skipped", "failed"], FROM_FAILURE),
        ("none_failed", ["skipped", "skipped"], RUNS),
        ("none_failed", ["completed", "skipped by a failure"], FROM_FAILURE),
        ("one_success", ["failed", "completed"], RUNS),
        ("one_success", ["tolerated", "skipped"], SKIPPED),
        ("one_success", ["skipped", "failed"], FROM_FAILURE),
        ("one_failed", ["completed", "tolerated"], RUNS),
        ("one_failed", ["completed", "skipped"], SKIPPED),
        ("all_done", ["failed", "skipped", "completed"], RUNS),
    ],
)
def test_a_rule_judges_all_ends_together(rule: str, ends: list[str], expected: str) -> None:
    assert judged(rule, *ends) == expected


def test_the_reason_names_the_first_task_that_was_in_the_way() -> None:
    outcomes = {"a": ENDS["completed"], "b": ENDS["skipped"], "c": ENDS["failed"]}
    assert reason("all_success", outcomes) == 'task "b", which it depends on, was skipped'
    assert reason("none_failed", outcomes) == 'task "c", which it depends on, failed'
    assert reason("one_success", {"b": ENDS["skipped"]}) == "none of the tasks that it depends on completed"
    assert reason("one_failed", {"b": ENDS["skipped"]}) == "none of the tasks that it depends on failed"


def reason(rule: str, outcomes: dict[str, Outcome]) -> str | None:
    skip = skip_for(step(rule, tuple(outcomes)), outcomes)
    assert skip is not None
    return skip.error


def test_a_rule_looks_at_what_depends_on_names_and_all_success_at_all() -> None:
    reads = "{{ tasks.b.result }}"
    outcomes = {"a": ENDS["completed"], "b": ENDS["failed"]}
    both = ("a", "b")
    one = step("none_failed", both, depends_on=["a"], value=reads)
    assert (one.upstreams, one.judged) == (("a", "b"), ("a",))
    assert skip_for(one, outcomes) is None
    strict = step("all_success", both, depends_on=["a"], value=reads)
    assert strict.judged == ("a", "b")
    assert skip_for(strict, outcomes) is not None
    unnamed = step("none_failed", both, depends_on=[], value=reads)
    assert unnamed.judged == ("b",)
    asked = step("one_failed", both, depends_on=[], when="{{ tasks.b.status == 'failed' }}")
    assert asked.judged == ("b",)
