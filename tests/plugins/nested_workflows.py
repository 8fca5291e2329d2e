"""Random workflows with rounds, tasks in tasks, sub-workflows, and tasks that run at the end."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import strategies as st
from random_workflows import workflows, written

ENDPOINT = "{{ inputs.conductor }}"
KINDS = ["call"] * 3 + ["repeat", "tasks", "tasks", "workflow"]


@st.composite
def nested(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """One whose tasks run one after the other, so that two runs of it are the same; and its parts by file."""
    parts: dict[str, Any] = {}
    data = _plain(draw(workflows(most=5)), "")
    data["tasks"] = [draw(_deeper(task, parts, depth=2)) for task in data["tasks"]]
    for key in ("on_failure", "finally"):
        tasks = _plain(draw(workflows(most=2)), key[:2])["tasks"]
        data[key] = [_at_the_end(task) for task in tasks]
    return data, parts


@st.composite
def _deeper(draw: st.DrawFn, task: dict[str, Any], parts: dict[str, Any], depth: int) -> dict[str, Any]:
    kind = draw(st.sampled_from(KINDS)) if "agent_name" in task and depth else "call"
    if kind == "repeat":
        until = draw(
            st.sampled_from(["{{ previous }}", "{{ result }}", "{{ result.name == previous.name }}"])
        )
        return {**task, "repeat": {"until": until, "max_times": 3}}
    if kind == "call":
        return task
    inner = _plain(draw(workflows(most=3)), f"{task['name']}_")
    # What it read is gone, and with it what its rule may be about.
    rule = () if "depends_on" in task else ("trigger_rule",)
    outer = _without(task, "agent_name", "action", "parameters", *rule)
    if kind == "tasks":
        return {**outer, "tasks": [draw(_deeper(one, parts, depth - 1)) for one in inner["tasks"]]}
    file = f"{task['name']}.yaml"
    parts[file] = inner
    return {**outer, "workflow": file, "inputs": {"conductor": ENDPOINT}}


def _plain(workflow: Any, prefix: str) -> dict[str, Any]:
    """As data; the names of its tasks begin with ``prefix``."""
    workflow.parallel = False
    for task in workflow.tasks:
        task.limit = None
    text = json.dumps(written(workflow, ENDPOINT))
    data: dict[str, Any] = json.loads(re.sub(r"\bt(\d+)\b", rf"{prefix}t\1", text))
    data["inputs"]["conductor"] = {"type": "string"}
    return data


def _at_the_end(task: dict[str, Any]) -> dict[str, Any]:
    """There is nothing to finish or to undo then."""
    return {"value" if key == "finish" else key: value for key, value in _without(task, "compensate").items()}


def _without(task: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in task.items() if key not in keys}
