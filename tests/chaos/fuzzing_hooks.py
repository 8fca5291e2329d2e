"""What Schemathesis is told of workflows; it reads this file itself."""

from __future__ import annotations

import json
from typing import Any

import schemathesis

_NOBODY = "http://127.0.0.1:9"
#: Runs of every kind, short ones: what follows from a run can be asked only where there is one.
_TASKS: list[list[dict[str, Any]]] = [
    [{"name": "one", "value": {"n": 1}}, {"name": "two", "value": "{{ tasks.one.result.n + 1 }}"}],
    [{"name": "one", "fail": "on purpose"}],
    [{"name": "one", "wait": 0}, {"name": "two", "depends_on": ["one"], "finish": "early"}],
    [{"name": "many", "for_each": [1, 2, 3], "value": "{{ item }}"}],
]


@schemathesis.hook("map_case").apply_to(operation_id=["workflows_create", "workflows_validate"])
def runnable(context: Any, case: Any) -> Any:
    """Of the bodies that are valid by their schema hardly one can be run: every third one is made to."""
    number = _number(case)
    if number % 3 == 0:
        case.body = {"name": "fuzzed", "tasks": _TASKS[number // 3 % len(_TASKS)]}
    return case


@schemathesis.hook("map_case").apply_to(operation_id="agents_test")
def callable_agent(context: Any, case: Any) -> Any:
    """The same with agents: one that may not be called, or one that is not there."""
    if _number(case) % 3 == 0:
        case.body = {**case.body, "agent_config": {"name": "fuzzed", "type": "http_api", "endpoint": _NOBODY}}
        case.body.update(test_action="GET", test_parameters={"endpoint": "/"})
    return case


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Whoever has sent 30 wrong keys in a minute is told so with 429, which lets nobody in either."""
    return "ignored_auth" not in failure.checks or "got `429 " not in failure.message


def _number(case: Any) -> int:
    """One of those that are valid; 1 for others."""
    if case.meta is None or not case.meta.generation.mode.is_positive or not isinstance(case.body, dict):
        return 1
    return len(json.dumps(case.body, default=str))
