"""Whether a step runs, by how those before it have ended. Pure: the trigger rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from leadagent_prefect.engine.outcome import Outcome
from leadagent_prefect.models import TriggerRule
from leadagent_prefect.plan import Step

_Ended = Mapping[str, Outcome]


def skip_for(step: Step, outcomes: Mapping[str, Outcome]) -> Outcome | None:
    """The skip of a step whose trigger rule is not met, or None: it runs. All it waits for has ended.

    The rule looks at ``step.judged``. The skip counts as a failure for the steps after it if a failure has
    caused it.
    """
    return _RULES[step.task.trigger_rule]({name: outcomes[name] for name in step.judged})


def _all_success(ended: _Ended) -> Outcome | None:
    blocking = [name for name, outcome in ended.items() if not outcome.lets_dependents_run]
    if not blocking:
        return None
    return _blocked(ended, blocking[0], any(ended[name].counts_as_failed for name in blocking))


def _none_failed(ended: _Ended) -> Outcome | None:
    blocking = [name for name, outcome in ended.items() if outcome.counts_as_failed]
    return _blocked(ended, blocking[0], True) if blocking else None


def _blocked(ended: _Ended, name: str, from_failure: bool) -> Outcome:
    status = ended[name].status
    was = "failed" if status == "failed" else f"was {status}"
    return Outcome("skipped", error=f'task "{name}", which it depends on, {was}', from_failure=from_failure)


def _one_success(ended: _Ended) -> Outcome | None:
    if any(outcome.status == "completed" for outcome in ended.values()):
        return None
    caused = any(outcome.counts_as_failed for outcome in ended.values())
    return Outcome("skipped", error="none of the tasks that it depends on completed", from_failure=caused)


def _one_failed(ended: _Ended) -> Outcome | None:
    if any(outcome.status == "failed" or outcome.counts_as_failed for outcome in ended.values()):
        return None
    return Outcome("skipped", error="none of the tasks that it depends on failed")


def _all_done(ended: _Ended) -> Outcome | None:
    return None


_RULES: Mapping[TriggerRule, Callable[[_Ended], Outcome | None]] = {
    "all_success": _all_success,
    "none_failed": _none_failed,
    "all_done": _all_done,
    "one_success": _one_success,
    "one_failed": _one_failed,
}
