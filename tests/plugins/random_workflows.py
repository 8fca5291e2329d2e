"""Random workflows of tasks whose attempts end as a script says, for the oracle and its like."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from reference import RefTask, RefWorkflow

ENDS = ["ok", "ok", "server_error", "client_error", "timeout"]
STRATEGIES = ["stop_on_first_failure", "continue_on_failure", "partial_completion_allowed"]


@st.composite
def workflows(draw: st.DrawFn) -> RefWorkflow:
    """Up to twelve tasks."""
    names = [f"t{n}" for n in range(draw(st.integers(1, 12)))]
    order = draw(st.permutations(names))  # dependencies point up and down the file
    rank = {name: n for n, name in enumerate(order)}
    tasks = [
        RefTask(
            name=name,
            needs=sorted(
                draw(st.sets(st.sampled_from(order[: rank[name]]), max_size=3)) if rank[name] else []
            ),
            script=draw(st.lists(st.sampled_from(ENDS), min_size=1, max_size=3)),
            duration=draw(st.integers(1, 5)),
            attempts=draw(st.sampled_from([1, 1, 2, 3])),
            tolerate=draw(st.booleans()),
        )
        for name in names
    ]
    strategy = draw(st.sampled_from(STRATEGIES))
    wanted: Any = None
    if strategy == "partial_completion_allowed":
        wanted = draw(st.sampled_from([None, 0, 1, len(names), "50%", "80%", "100%"]))
    return RefWorkflow(tasks, draw(st.booleans()), draw(st.sampled_from([1, 2, 50])), strategy, wanted)


def written(workflow: RefWorkflow, endpoint: str) -> dict[str, Any]:
    """The workflow as data; its agent is of the type "probe" (`conductor.ProbeAgent`)."""
    return {
        "name": "oracle",
        "agents": [{"name": "probe", "type": "probe", "endpoint": endpoint}],
        "tasks": [_task(task) for task in workflow.tasks],
        "parallel_execution": workflow.parallel,
        "max_parallel_tasks": workflow.width,
        "failure_strategy": workflow.strategy,
        **({} if workflow.min_success is None else {"min_success": workflow.min_success}),
    }


def _task(task: RefTask) -> dict[str, Any]:
    reads = {name: f"{{{{ tasks.{name}.result }}}}" for name in task.needs}
    retry = {"retry_config": {"max_attempts": task.attempts, "initial_delay": 0}}
    return {
        "name": task.name,
        "agent_name": "probe",
        "action": "go",
        # Half of the dependencies are said, half are read from the templates.
        "depends_on": task.needs[::2],
        "parameters": {"script": task.script, "result": {"name": task.name, "from": reads}},
        "continue_on_failure": task.tolerate,
        **(retry if task.attempts > 1 else {}),
    }
