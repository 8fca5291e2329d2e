"""X1: a run whose process is killed is taken up, and no step that had completed is called again; one that is
killed at its end undoes nothing twice, and does not go forward.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from chaos import WHOLE, History, Service, chaos_service, seeded
from outside import uncounted

from leadagent_prefect import ConfigurationError, LeadAgent
from leadagent_prefect.embedded import PrefectApi

KILLS, AT_ONCE = (20, 4) if WHOLE else (3, 3)
STEPS = 12

WORKFLOW = """\
name: twelve
inputs:
  which: {{type: string}}
parallel_execution: true
max_parallel_tasks: 4
agents:
  - name: service
    type: http_api
    endpoint: "{url}"
tasks:
"""


def workflow(url: str) -> str:
    """``s0``, then four at a time, twice, each after one of the four before, and three to end with."""
    after = {0: [], **{n: [0] for n in range(1, 5)}, **{n: [n - 4] for n in range(5, 9)}}
    after |= {9: [5, 6, 7, 8], 10: [9], 11: [10]}
    headers = '{X-Worker: "{{ run.id }}"}'
    rows = [
        f"""\
  - name: s{n}
    agent_name: service
    action: POST
    depends_on: [{", ".join(f"s{m}" for m in before)}]
    parameters: {{endpoint: "/{{{{ inputs.which }}}}/s{n}", headers: {headers}}}
"""
        for n, before in after.items()
    ]
    return WORKFLOW.format(url=url) + "".join(rows)


@dataclass
class Killed:
    """A run whose process was killed at ``at``: ``pause`` seconds after ``count`` requests were answered."""

    which: str
    count: int
    pause: float
    at: float = 0.0

    def of(self, history: History) -> History:
        return History([request for request in history.requests if request.run == self.which])

    def make(self, file: Path, service: Service) -> None:
        words = ["run", str(file), "-i", f"which={self.which}"]
        killed(words, lambda: len(self.of(service.history()).requests) >= self.count, self.pause)
        self.at = time.time()


def killed(words: list[str], when: Callable[[], bool], pause: float) -> None:
    """A command of leadagent that is killed so many seconds after it was seen ``when`` to do so."""
    command = [sys.executable, "-m", "leadagent_prefect", *words, "--quiet"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=uncounted())
    try:
        while not when():
            assert process.poll() is None, f"{words} ended before it could be killed"
            time.sleep(0.003)
        time.sleep(pause)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


@pytest.mark.long
@pytest.mark.timeout(900 if WHOLE else 240)
def test_a_killed_run_is_taken_up_and_repeats_nothing(prefect_api: PrefectApi, tmp_path: Path) -> None:
    random = seeded("X1")
    file = tmp_path / "twelve.yaml"
    # Half of them between the answer and its keeping, the others whenever.
    kills = [
        Killed(f"k{n}", random.randint(1, STEPS - 1), 0.0 if n % 2 else random.uniform(0, 0.3))
        for n in range(KILLS)
    ]
    with chaos_service(tmp_path / "history.jsonl") as service:
        file.write_text(workflow(service.url))
        service.rule("/", delay=0.15)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda kill: kill.make(file, service), kills))
        for kill in kills:
            taken_up(kill, file, service)


def taken_up(kill: Killed, file: Path, service: Service) -> None:
    from leadagent_prefect.runs import ask
    from leadagent_prefect.runs.survey import survey

    agent, run_id = LeadAgent(), kill.of(service.history()).requests[0].worker
    refused_where_changed(agent, run_id, file)
    found = agent.find(run_id)
    rows = ask(api_of(agent), lambda client: survey(found))
    kept = {name for name, row in rows.items() if row.what == "reused"}
    result = agent.resume_sync(run_id)
    assert (result.status, result.completed_tasks, result.flow_run_id) == ("completed", STEPS, run_id)
    history = kill.of(service.history())
    assert not {request.task for request in history.between(kill.at, time.time())} & kept
    assert {name for name, row in result.tasks.items() if row.attempts == 0} == kept
    for step in result.tasks:
        calls = history.of(step)
        assert 1 <= len(calls) <= (1 if step in kept else 2)
        assert len({call.idempotency_key for call in calls}) == 1
    with pytest.raises(ConfigurationError, match="is completed: there is nothing to resume"):
        agent.find(run_id)


def refused_where_changed(agent: LeadAgent, run_id: str, file: Path) -> None:
    text = file.read_text()
    file.write_text(text.replace("max_parallel_tasks: 4", "max_parallel_tasks: 3"))
    with pytest.raises(ConfigurationError, match="was changed after run") as refused:
        agent.find(run_id)
    assert "  -max_parallel_tasks: 4\n  +max_parallel_tasks: 3" in str(refused.value)
    file.write_text(text)


def api_of(agent: LeadAgent) -> Any:
    from leadagent_prefect.embedded import ensure_api

    return ensure_api()


def undone_workflow(url: str) -> str:
    """``a``, ``b`` and ``c`` can be undone, and ``d`` fails; then ``told`` and ``cleaned`` are called."""

    def call(to: str) -> str:
        headers = '{X-Worker: "{{ run.id }}"}'
        return (
            f"agent_name: service, action: POST, parameters: {{endpoint: /undone/{to}, headers: {headers}}}"
        )

    steps = [f"  - {{name: {n}, {call(n)}, compensate: {{{call(f'undo-{n}')}}}}}" for n in "abc"]
    lines = [
        "name: undone",
        f'agents: [{{name: service, type: http_api, endpoint: "{url}"}}]',
        "tasks:",
        *steps,
        f"  - {{name: d, {call('d')}}}",
        f"on_failure: [{{name: told, {call('told')}}}]",
        f"finally: [{{name: cleaned, {call('cleaned')}}}]",
    ]
    return "\n".join(lines) + "\n"


@pytest.mark.timeout(480)
def test_a_run_that_is_killed_at_its_end_goes_on_there_and_never_forward(
    prefect_api: PrefectApi, tmp_path: Path
) -> None:
    random = seeded("X1")
    file = tmp_path / "undone.yaml"
    with chaos_service(tmp_path / "history.jsonl") as service:
        file.write_text(undone_workflow(service.url))

        began, storage = time.time() - 1, Path(os.environ["PREFECT_HOME"], "storage")

        def called(task: str) -> int:
            return len(service.history().of(task))

        def kept(task: str) -> bool:
            """Not only answered: the answer lies among the results."""
            if not called(task):
                return False
            young = [path for path in storage.glob("*") if path.is_file() and path.stat().st_mtime > began]
            return any(task in path.read_text() for path in young)

        service.rule("/undone/d", status=400)
        service.rule("/undone/undo-b", delay=20.0)  # it is killed meanwhile, a moment before, or at its start
        service.rule("/undone/told", delay=20.0)
        killed(["run", str(file)], lambda: kept("undo-c"), random.uniform(0.0, 1.0))
        run_id = service.history().requests[0].worker
        service.rule("/undone/undo-b", delay=0.0)
        killed(["resume", run_id], lambda: kept("undo-a"), random.uniform(0.0, 1.0))
        service.rule("/undone/told", delay=0.0)
        ended = LeadAgent().resume_sync(run_id)

        assert (ended.status, ended.failed_tasks) == ("failed", 1)
        found = [(one.task, one.status) for one in ended.compensated]
        assert found == [("c", "completed"), ("b", "completed"), ("a", "completed")]
        once, at_most_twice = ["a", "b", "c", "d", "undo-a", "undo-c", "cleaned"], ["undo-b", "told"]
        assert {task: called(task) for task in once} == dict.fromkeys(once, 1)
        assert all(1 <= called(task) <= 2 for task in at_most_twice)
        assert {len(service.history().keys("undone", task)) for task in [*once, *at_most_twice]} == {1}

        service.rule("/undone/d", status=200)
        assert LeadAgent().resume_sync(run_id).status == "completed"
        assert {task: called(task) for task in [*once, "told"]} == {
            **dict.fromkeys(["a", "b", "c", "d", "cleaned"], 2),
            **dict.fromkeys(["undo-a", "undo-c"], 1),
            "told": called("told"),
        }
