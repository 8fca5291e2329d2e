"""What a task costs: a workflow of ours, the best flow written by hand, and the flow people write first.

Every run makes the same trivial tasks, independent of each other: 100 of them (25 where they are slow), or
one. The difference is the tasks' own cost, without the flow run's.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Callable, Coroutine
from typing import Any

from harness import Stopwatch, Timing, machine, own_home, table
from harness.server import cpu_of, rest, running_server

TASKS, ROUNDS = 100, 3
#: A hundred of these take as long as everything else together.
SUBMITS = 25
OURS, KEPT, BEST = "leadagent", "by hand, results kept", "by hand, nothing kept"
SUBMIT = "by hand, task.submit()"

Run = Callable[[int], Coroutine[Any, Any, Any]]
Timings = dict[str, list[Timing]]


def ours() -> Run:
    """A workflow whose agent answers at once."""
    from leadagent_prefect import AgentFactory, AgentResponse, BaseAgent, LeadAgent

    class Trivial(BaseAgent):
        async def execute(self, action: str, parameters: dict[str, Any]) -> AgentResponse:
            return AgentResponse(success=True, result=parameters["n"])

    AgentFactory.register_agent_type("trivial", Trivial)

    def workflow(tasks: int) -> dict[str, Any]:
        steps = [
            {"name": f"task_{n}", "agent_name": "a", "action": "echo", "parameters": {"n": n}}
            for n in range(tasks)
        ]
        agents = [{"name": "a", "type": "trivial"}]
        return {
            "name": "ours",
            "agents": agents,
            "tasks": steps,
            "parallel_execution": True,
            "max_parallel_tasks": TASKS,
        }

    flows = {tasks: LeadAgent().build_flow(workflow(tasks)) for tasks in (1, TASKS)}

    async def run(tasks: int) -> Any:
        return await flows[tasks]()

    return run


def by_hand() -> dict[str, Run]:
    """The same with Prefect alone; results are kept as plain JSON, as ours are."""
    from prefect import flow, task
    from prefect.serializers import JSONSerializer

    plain = JSONSerializer(object_encoder=None, object_decoder=None)

    async def echo(n: int) -> int:
        return n

    def stored_under(context: Any, parameters: dict[str, Any]) -> str:
        return f"{context.task_run.flow_run_id}-{parameters['n']}"

    # Without a cache key Prefect would write nothing: use_api switches its default key off.
    kept = task(name="kept", persist_result=True, result_serializer=plain, cache_key_fn=stored_under)(echo)
    best = task(name="best")(echo)

    @flow(name="kept", persist_result=True, result_serializer=plain)
    async def run_kept(tasks: int) -> Any:
        return await asyncio.gather(*(kept(n) for n in range(tasks)))

    @flow(name="best")
    async def run_best(tasks: int) -> Any:
        return await asyncio.gather(*(best(n) for n in range(tasks)))

    @flow(name="submit")
    async def run_submit(tasks: int) -> Any:
        futures = [best.submit(n) for n in range(tasks)]
        return [future.result() for future in futures]

    return {KEPT: run_kept, BEST: run_best, SUBMIT: run_submit}


def measure(server: int) -> tuple[Timings, Timings, dict[str, list[float]]]:
    """Runs of one task, runs of all, and the server's CPU seconds for one of each."""
    variants = {OURS: ours(), **by_hand()}
    for run in variants.values():
        asyncio.run(run(1))  # imports, and what a process does once
    rest(server)
    one: Timings = {name: [] for name in variants}
    many: Timings = {name: [] for name in variants}
    served: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(ROUNDS):
        for name, run in variants.items():
            before = cpu_of(server)
            one[name].append(timed(run, 1))
            many[name].append(timed(run, tasks_of(name)))
            rest(server)
            served[name].append(cpu_of(server) - before)
    return one, many, served


def tasks_of(name: str) -> int:
    return SUBMITS if name == SUBMIT else TASKS


def timed(run: Run, tasks: int) -> Timing:
    async def whole() -> None:
        with Stopwatch() as watch:
            await run(tasks)
        times.append(watch.timing)

    times: list[Timing] = []
    asyncio.run(whole())
    return times[0]


def per_task(one: Timings, many: Timings, served: dict[str, list[float]]) -> None:
    """The difference of the medians, over the tasks that make it; ratios to the best by hand."""
    wall, cpu = (
        {name: (median(many[name], of) - median(one[name], of)) / (tasks_of(name) - 1) * 1e3 for name in many}
        for of in ("wall", "cpu")
    )
    print(
        f"\n{'a task costs':24} {'wall ms':>8} {'ratio':>6} {'cpu ms':>8} {'ratio':>6} {'server cpu ms':>14}"
    )
    for name in many:
        server = statistics.median(served[name]) / (tasks_of(name) + 1) * 1e3
        print(
            f"{name:24} {wall[name]:8.2f} {wall[name] / wall[BEST]:6.2f} {cpu[name]:8.2f} "
            f"{cpu[name] / cpu[BEST]:6.2f} {server:14.1f}"
        )


def median(timings: list[Timing], of: str) -> float:
    return statistics.median(float(getattr(timing, of)) for timing in timings)


def main() -> None:
    with machine(), own_home(), running_server() as server:
        one, many, served = measure(server)
        rows = {
            f"{name}, {tasks}": of[name] for name in many for tasks, of in ((1, one), (tasks_of(name), many))
        }
        table(rows, base=f"{BEST}, {TASKS}")
        per_task(one, many, served)


if __name__ == "__main__":
    main()
