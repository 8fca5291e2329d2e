"""A task that joins branches of which only one runs. tests/cases shows it in place."""

from __future__ import annotations

from typing import Any

import pytest

from leadagent_prefect.checks import branches

YES, NO = {"when": "{{ inputs.deep }}"}, {"when": "{{ not inputs.deep }}"}


@pytest.fixture
def joins(found: Any) -> Any:
    """The tasks that are said to join what excludes each other; each task is ``{NAME: {...}}``."""

    def of(**tasks: dict[str, Any]) -> list[str]:
        listed = [{"name": name, "value": 1, **task} for name, task in tasks.items()]
        data = {"name": "w", "inputs": {"deep": {"type": "boolean", "default": True}}, "tasks": listed}
        said = found(data)
        assert {code for code, _ in said} <= {"exclusive-branches"}
        return [message.split('"')[1] for _, message in said]

    return of


def test_a_join_by_name_and_one_by_reference_are_found(joins: Any) -> None:
    assert joins(a=YES, b=NO, j={"depends_on": ["a", "b"]}) == ["j"]
    assert joins(a=YES, b=NO, j={"value": "{{ tasks.a.result or tasks.b.result }}"}) == ["j"]
    assert joins(a=YES, b=NO, j={"depends_on": ["a"], "value": "{{ tasks.b.result }}"}) == ["j"]


def test_branches_are_as_long_as_their_tasks_want_all_to_complete(joins: Any) -> None:
    long = {"a": YES, "a2": {"depends_on": ["a"]}, "a3": {"depends_on": ["a2"]}, "b": NO}
    assert joins(**long, j={"depends_on": ["a3", "b"]}) == ["j"]
    whichever = {"depends_on": ["a2"], "trigger_rule": "all_done"}
    assert joins(**(long | {"a3": whichever}), j={"depends_on": ["a3", "b"]}) == []


def test_a_task_whose_own_condition_excludes_what_it_waits_for_is_no_join(joins: Any) -> None:
    assert joins(a=YES, b={**NO, "depends_on": ["a"]}) == []


@pytest.mark.parametrize("rule", ["none_failed", "all_done", "one_success", "one_failed"])
def test_other_rules_join_what_they_like(joins: Any, rule: str) -> None:
    assert joins(a=YES, b=NO, j={"depends_on": ["a", "b"], "trigger_rule": rule}) == []


def test_what_follows_a_join_that_never_runs_is_not_named_again_and_again(joins: Any) -> None:
    assert joins(a=YES, b=NO, j={"depends_on": ["a", "b"]}, k={"depends_on": ["j"]}) == ["j"]


def test_branches_that_may_both_run_are_joined_in_peace(joins: Any) -> None:
    assert joins(a=YES, b=YES, j={"depends_on": ["a", "b"]}) == []
    assert joins(a={"when": True}, b={"when": False}, j={"depends_on": ["a", "b"]}) == []


def test_conditions_of_items_are_none_of_the_whole_map(joins: Any) -> None:
    some = {"for_each": [1, 2], "as": "id", "when": "{{ id == 1 }}"}
    others = {"for_each": [1, 2], "as": "id", "when": "{{ id == 2 }}"}
    assert joins(a=some, b=others, j={"depends_on": ["a", "b"]}) == []
    whole = {"for_each": [1, 2]}
    assert joins(a=YES | whole, b=NO | whole, j={"depends_on": ["a", "b"]}) == ["j"]


def test_the_order_in_the_file_means_nothing(joins: Any) -> None:
    assert joins(j={"depends_on": ["b", "a"]}, b=NO, a=YES) == ["j"]


def test_circles_and_unknown_names_are_left_to_their_own_rules(found: Any) -> None:
    tasks: list[dict[str, Any]] = [
        {"name": "a", "value": 1, "depends_on": ["b", "nope", 5]},
        {"name": "b", "value": 1, "depends_on": ["a"], "when": "{{ true }}"},
        {"name": "c", "value": "{{ tasks.nope.result }}", "depends_on": "a"},
    ]
    codes = {code for code, _ in found({"name": "w", "tasks": tasks})}
    assert codes == {"dependency-cycle", "unknown-task", "wrong-type"}


def test_beyond_many_conditions_nothing_is_compared(joins: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(branches, "_MOST", 1)
    many = {"a": YES, "c": {**YES, "depends_on": ["a"]}, "b": NO}
    assert joins(**many, j={"depends_on": ["c", "b"]}) == []
