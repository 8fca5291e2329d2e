"""Random workflows of tasks whose attempts end as a script says, for the oracle and its like."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st
from reference_tasks import RefTask, RefWorkflow

#: What occurs twice is drawn twice as often: where all is skipped there is little to see.
ENDS = ["ok"] * 4 + ["server_error", "client_error", "timeout"]
STRATEGIES = ["stop_on_first_failure", *["continue_on_failure", "partial_completion_allowed"] * 2]
KINDS = ["call"] * 16 + ["value"] * 4 + ["wait"] * 2 + ["fail", "finish"]
RULES = ["all_success"] * 2 + ["none_failed", "all_done", "one_success", "one_failed"]
VALUES: list[Any] = [None, None, 0, "", [], False, "text", {"a": [1]}]
STATUSES = ["completed", "completed", "failed", "skipped"]
MAPS = [False] * 4 + [True]
ITEMS: list[Any] = [
    [],
    [1],
    ["a", {"b": 2}],
    [1, 2, 3],
    [1, 2, 3],
    [None, "x", [4], 5],
    {"one": 1, "two": [2]},
]
TOLERATED = [None, None, 0, 1, 2, "34%", "50%", "100%"]


@st.composite
def workflows(draw: st.DrawFn, most: int = 10) -> RefWorkflow:
    """Up to so many tasks."""
    names = [f"t{n}" for n in range(draw(st.integers(1, most)))]
    order = draw(st.permutations(names))  # dependencies point up and down the file
    rank = {name: n for n, name in enumerate(order)}
    tasks = [draw(_tasks(name, order[: rank[name]])) for name in names]
    strategy = draw(st.sampled_from(STRATEGIES))
    wanted: Any = None
    if strategy == "partial_completion_allowed":
        wanted = draw(st.sampled_from([None, 0, 1, min(3, len(names)), "50%", "80%", "100%"]))
    return RefWorkflow(tasks, draw(st.booleans()), draw(st.sampled_from([1, 2, 50])), strategy, wanted)


@st.composite
def _tasks(draw: st.DrawFn, name: str, before: list[str]) -> RefTask:
    """A task that may wait for those ``before`` it."""
    some = st.sets(st.sampled_from(before), max_size=2) if before else st.just(set[str]())
    kind = draw(st.sampled_from(KINDS))
    scripts = st.lists(st.sampled_from(ENDS), min_size=1, max_size=3)
    task = RefTask(
        name=name,
        reads=sorted(draw(some)),
        after=sorted(draw(some)),
        scripts=[draw(scripts)],
        durations=[draw(st.integers(1, 5))],
        attempts=draw(st.sampled_from([1, 1, 2, 3])) if kind == "call" else 1,
        tolerate=draw(st.booleans()) and kind != "fail",
        kind=kind,
        value=draw(st.sampled_from(VALUES)) if kind == "value" else None,
        when=draw(_conditions(before)),
        undo=draw(st.none() | st.lists(st.sampled_from(ENDS), min_size=1, max_size=2)),
    )
    if kind == "fail":
        task.undo = None  # there is nothing that it does
    if kind == "wait" or task.value is not None:
        task.reads = []  # it has no place for them
    if draw(st.sampled_from(MAPS)):
        draw(_maps(task, before))
    if task.needs:
        task.rule = draw(st.sampled_from(RULES))
    return task


@st.composite
def _maps(draw: st.DrawFn, task: RefTask, before: list[str]) -> None:
    """Makes a map of the task, over data or over what one of those ``before`` it comes to."""
    over = st.tuples(st.just("data"), st.sampled_from(ITEMS))
    task.over = draw(over | st.tuples(st.just("result"), st.sampled_from(before)) if before else over)
    scripts = st.lists(st.sampled_from(ENDS), min_size=1, max_size=3)
    task.scripts = draw(st.lists(scripts, min_size=1, max_size=3))
    task.durations = draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))
    task.keys = draw(st.sampled_from(["place", "place", "name", "half"]))
    task.limit = draw(st.sampled_from([None, 1, 2, 3]))
    task.tolerated = draw(st.sampled_from(TOLERATED))
    each = st.sampled_from(["items", "items", "broken item"])
    if task.when is None and draw(st.sampled_from([True, False, False])):
        truths = draw(st.lists(st.booleans(), min_size=1, max_size=3))
        task.when = ("items", truths) if draw(each) == "items" else ("broken item",)


@st.composite
def _conditions(draw: st.DrawFn, before: list[str]) -> tuple[Any, ...] | None:
    kind = draw(st.sampled_from([None] * 12 + ["input", "status", "result"] * 2 + ["broken"]))
    if kind == "input":
        return "input", draw(st.sampled_from([True, True, False]))
    if kind in ("status", "result") and before:
        other = draw(st.sampled_from(before))
        return ("result", other) if kind == "result" else ("status", other, draw(st.sampled_from(STATUSES)))
    return ("broken",) if kind == "broken" else None


def written(workflow: RefWorkflow, endpoint: str) -> dict[str, Any]:
    """The workflow as data, with `INPUTS`; its agent is of the type "probe" (`conductor.ProbeAgent`)."""
    return {
        "name": "oracle",
        "inputs": {name: {"type": "boolean", "default": value} for name, value in INPUTS.items()},
        "agents": [{"name": "probe", "type": "probe", "endpoint": endpoint}],
        "tasks": [_task(task) for task in workflow.tasks],
        "parallel_execution": workflow.parallel,
        "max_parallel_tasks": workflow.width,
        "failure_strategy": workflow.strategy,
        **({} if workflow.min_success is None else {"min_success": workflow.min_success}),
    }


INPUTS = {"yes": True, "no": False}


def _task(task: RefTask) -> dict[str, Any]:
    retry = {"max_attempts": task.attempts, "initial_delay": 0}
    return {
        "name": task.name,
        **_what(task),
        **({"depends_on": task.after} if task.after else {}),
        **({"continue_on_failure": True} if task.tolerate else {}),
        **({"retry_config": retry} if task.attempts > 1 else {}),
        **({"trigger_rule": task.rule} if task.rule != "all_success" else {}),
        **({"when": _when(task.when)} if task.when else {}),
        **(_map(task) if task.over else {}),
        **({"compensate": _undo(task.undo)} if task.undo else {}),
    }


def _map(task: RefTask) -> dict[str, Any]:
    assert task.over is not None
    kind, what = task.over
    keys = {"name": "k{{ index }}", "half": "{{ index // 2 }}"}
    return {
        "for_each": f"{{{{ tasks.{what}.result }}}}" if kind == "result" else what,
        **({"key": keys[task.keys]} if task.keys in keys else {}),
        **({"max_concurrency": task.limit} if task.limit is not None else {}),
        **({"tolerated_failures": task.tolerated} if task.tolerated is not None else {}),
    }


def _in_turn(values: list[Any]) -> str:
    """Of the values the one that an item gets."""
    return f"{{{{ {json.dumps(values)}[index % {len(values)}] }}}}"


def _undo(script: list[str]) -> dict[str, Any]:
    retries = {"max_attempts": 2, "initial_delay": 0}
    return {
        "agent_name": "probe",
        "action": "undo",
        "parameters": {"script": script},
        "retry_config": retries,
    }


def _what(task: RefTask) -> dict[str, Any]:
    reads = {name: f"{{{{ tasks.{name}.result }}}}" for name in task.reads}
    item = {"item": "{{ item }}"} if task.over else {}
    result = {"name": task.name, "from": reads, **item}
    call = {"script": _in_turn(task.scripts) if task.over else task.scripts[0], "result": result}
    # The reads of a message stand where they change nothing: what is skipped there is never seen.
    unseen = "".join(f"{{{{ '' if true else tasks.{name}.result }}}}" for name in task.reads)
    kinds: dict[str, dict[str, Any]] = {
        "call": {"agent_name": "probe", "action": "go", "parameters": call},
        "value": {"value": result if task.value is None else task.value},
        "wait": {"wait": 0},
        "fail": {"fail": f"{task.name} gives up{unseen}"},
        "finish": {"finish": f"{task.name} is enough{unseen}"},
    }
    return kinds[task.kind]


def _when(when: tuple[Any, ...]) -> Any:
    if when[0] == "input":
        return "{{ inputs.yes }}" if when[1] else "{{ inputs.no }}"
    if when[0] == "items":
        return _in_turn(when[1])
    if when[0] == "broken item":
        return "{{ index and inputs.yes.nothing or item.nothing }}"
    if when[0] == "status":
        return f"{{{{ tasks.{when[1]}.status == '{when[2]}' }}}}"
    return f"{{{{ tasks.{when[1]}.result }}}}" if when[0] == "result" else "{{ inputs.yes.nothing }}"
