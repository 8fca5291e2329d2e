"""The plan: dependencies said and read, order, levels, timeouts, counts."""

from __future__ import annotations

from typing import Any

import pytest

from leadagent_prefect.loader import load
from leadagent_prefect.models import Workflow
from leadagent_prefect.plan import Plan, build
from leadagent_prefect.plan import plan_of as plan_of_file

AGENT = {"name": "api", "type": "http_api", "endpoint": "https://example.com"}


def plan_of(*tasks: dict[str, Any], agents: list[dict[str, Any]] | None = None, **settings: Any) -> Plan:
    filled = [{"agent_name": "api", "action": "GET", **task} for task in tasks]
    data = {"name": "w", "agents": agents or [AGENT], "tasks": filled, **settings}
    return build(Workflow.model_validate(data), digest="d", filename="w.yaml", lines={"a": 3})


def test_a_reference_to_a_task_is_a_dependency() -> None:
    plan = plan_of(
        {"name": "a"},
        {"name": "b", "parameters": {"x": [{"y": "{{ tasks.c.result }}"}], "z": "{{ tasks['a'].status }}"}},
        {"name": "c", "depends_on": ["a"]},
    )
    assert [step.upstreams for step in plan.steps] == [(), ("a", "c"), ("a",)]
    assert plan.dependents == {"a": ("b", "c"), "b": (), "c": ("b",)}
    assert [step.name for step in plan.in_order] == ["a", "c", "b"]
    assert plan.levels == (("a",), ("c",), ("b",))
    assert plan.lines == {"a": 3}
    assert plan.name == "w"


def test_one_task_at_a_time_unless_the_file_says_parallel() -> None:
    assert plan_of({"name": "a"}).width == 1
    assert plan_of({"name": "a"}, parallel_execution=True).width == 50
    assert plan_of({"name": "a"}, parallel_execution=True, max_parallel_tasks=3).width == 3


@pytest.mark.parametrize(
    ("agent", "task", "attempt", "request_"),
    [
        (None, None, None, 30.0),
        (5, None, None, 5.0),
        (None, 90, 90.0, 90.0),  # the agent's default gives way to a task's timeout
        (5, 90, 90.0, 5.0),
    ],
)
def test_a_task_bounds_an_attempt_and_an_agent_a_request(
    agent: float | None, task: float | None, attempt: float | None, request_: float
) -> None:
    api = AGENT | ({} if agent is None else {"timeout": agent})
    step = plan_of({"name": "a"} | ({} if task is None else {"timeout": task}), agents=[api]).steps[0]
    assert (step.timeout, step.request_timeout) == (attempt, request_)


def test_the_secrets_and_variables_of_a_run_are_known_before_it_starts() -> None:
    agents = [
        AGENT | {"authentication": {"type": "bearer", "token": "{{ secrets.TOKEN }}"}},
        {"name": "idle", "type": "http_api", "endpoint": "https://{{ secrets.UNUSED }}"},
    ]
    plan = plan_of(
        {"name": "a", "parameters": {"x": "{{ secrets.OPTIONAL | default('') }} {{ vars.one }}"}},
        {"name": "b", "parameters": {"x": "{{ secrets.NEEDED }}"}},
        agents=agents,
        outputs={"o": "{{ vars.two | default(0) }}"},
    )
    assert plan.required_secrets == {"TOKEN", "NEEDED"}
    assert plan.secrets == {"TOKEN", "NEEDED", "OPTIONAL"}
    assert plan.variables == {"one", "two"}
    assert list(plan.agents) == ["api"]
    assert [step.reads_secrets for step in plan.steps] == [True, True]


@pytest.mark.parametrize(
    ("min_success", "counted", "needed"),
    [
        (None, 10, 1),
        (3, 10, 3),
        (0, 10, 0),
        ("80%", 10, 8),
        ("80%", 9, 8),
        ("10%", 10, 1),
        ("0%", 4, 0),
        ("100%", 7, 7),
        ("33.3%", 3, 1),
    ],
)
def test_min_success_is_a_count_or_a_percentage_rounded_up(
    min_success: Any, counted: int, needed: int
) -> None:
    settings = {} if min_success is None else {"min_success": min_success}
    assert plan_of({"name": "a"}, **settings).needed_successes(counted) == needed


def test_a_long_chain_is_planned_in_one_pass() -> None:
    tasks = [{"name": f"t{n}", "depends_on": [f"t{n - 1}"] if n else []} for n in range(5000)]
    plan = plan_of(*tasks)
    assert len(plan.levels) == 5000
    assert plan.in_order == plan.steps


def test_an_undo_is_a_step_that_waits_for_nothing_and_whose_agent_is_opened() -> None:
    undo = {
        "agent_name": "other",
        "action": "DELETE",
        "parameters": {"x": "{{ result.id }} {{ tasks.b.result }} {{ secrets.KEY }} {{ vars.place }}"},
        "retry_config": {"max_attempts": 4},
    }
    agents = [AGENT, {**AGENT, "name": "other", "timeout": 5, "retry_config": {"max_delay": 9}}]
    plan = plan_of({"name": "a", "compensate": undo}, {"name": "b", "depends_on": ["a"]}, agents=agents)
    assert list(plan.agents) == ["api", "other"]
    assert (plan.required_secrets, plan.variables) == ({"KEY"}, {"place"})
    assert plan.steps[0].upstreams == ()
    (step,) = plan.undos
    assert step is plan.steps[0].undo
    assert (step.name, step.agent.name, step.action, step.upstreams) == ("a", "other", "DELETE", ())
    assert (step.retry.attempts, step.retry.max_delay) == (4, 9)
    assert (step.timeout, step.request_timeout, step.reads_secrets) == (None, 5, True)


def test_a_file_that_is_included_many_times_is_planned_once() -> None:
    """Four ways to write each of ten files: a quarter of a million ways down to the last one."""
    last = {"name": "v", "value": "{{ env.DEEP }}{{ vars.deep }}"}
    parts: dict[str, Any] = {"f9.yaml": {"name": "last", "tasks": [last]}}
    for n in range(9):
        tasks = [{"name": f"t{i}", "workflow": f"{'./' * i}f{n + 1}.yaml"} for i in range(4)]
        parts[f"f{n}.yaml"] = {"name": f"part{n}", "tasks": tasks}

    plan = plan_of_file(load({"name": "w", "tasks": [{"name": "t", "workflow": "f0.yaml"}]}, parts=parts))

    assert (plan.secrets, plan.variables, plan.environment) == (frozenset(), {"deep"}, {"DEEP"})
    body = plan.steps[0].body
    assert body is not None
    assert not body.is_undoable
