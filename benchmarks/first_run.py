"""How long a newcomer waits: `leadagent run` in a fresh PREFECT_HOME, and again with its server running.

The workflow's one agent answers at once. What the command takes falls into the start of the server, the steps
(as the result tells it), and the rest: imports above all, the flow run's own states, and the way out.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from dataclasses import astuple, dataclass
from pathlib import Path

from harness import LEADAGENT, child, machine, own_home

WARM_ROUNDS = 4
AGENT = """
from leadagent_prefect import AgentResponse, BaseAgent

class Trivial(BaseAgent):
    async def execute(self, action, parameters):
        return AgentResponse(success=True, result="done")
"""
WORKFLOW = """
name: trivial
agents: [{name: a, type: custom, custom_params: {class: "trivial_agent:Trivial"}}]
tasks: [{name: only, agent_name: a, action: go}]
"""


@dataclass(frozen=True)
class Parts:
    """Seconds of one command; the last three make up the total."""

    total: float
    server: float
    steps: float
    rest: float


def write(home: Path) -> str:
    (home / "trivial_agent.py").write_text(AGENT, encoding="utf-8")
    (home / "workflow.yaml").write_text(WORKFLOW, encoding="utf-8")
    return str(home / "workflow.yaml")


def run(workflow: str) -> Parts:
    """Times `leadagent run` by the lines of its stderr: it says when it starts a server and has one."""
    began, starting, server = time.perf_counter(), 0.0, 0.0
    command = [LEADAGENT, "run", workflow, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None  # both are pipes
        assert process.stdout is not None
        for line in process.stderr:
            now = time.perf_counter()
            starting = now if line.startswith("Starting a Prefect server") else starting
            server = now - starting if line.startswith("The Prefect server is ready") else server
        result = json.load(process.stdout)
    total = time.perf_counter() - began
    assert result["status"] == "completed", result
    steps = result["execution_time"]
    return Parts(total, server, steps, total - server - steps)


def main() -> None:
    warm: list[Parts] = []
    imports: list[float] = []
    bare: list[float] = []
    with machine(), own_home() as home:
        workflow = write(home)
        first = run(workflow)
        for _ in range(WARM_ROUNDS):
            warm.append(run(workflow))
            imports.append(child(sys.executable, "-c", "import leadagent_prefect.engine.runner").wall)
            bare.append(child(sys.executable, "-c", "import prefect").wall)
    usual = Parts(*map(statistics.median, zip(*map(astuple, warm), strict=True)))
    print(f"{'seconds':24} {'n':>3} {'total':>7} {'server':>7} {'steps':>7} {'rest':>7}")
    for name, count, parts in (("first run", 1, first), ("runs after it (medians)", WARM_ROUNDS, usual)):
        print(f"{name:24} {count:3} " + " ".join(f"{seconds:7.2f}" for seconds in astuple(parts)))
    print(f"first / later: {first.total / usual.total:.1f}")
    for name, walls in (("the engine", imports), ("prefect alone", bare)):
        share = statistics.median(walls) / usual.rest
        print(f"import of {name}: {statistics.median(walls):.2f} s, {share:.0%} of the rest of a later run")


if __name__ == "__main__":
    main()
