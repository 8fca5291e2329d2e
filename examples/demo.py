"""A tour of the example workflows, with what came of each. python examples/demo.py"""

from __future__ import annotations

import asyncio
from pathlib import Path

from servers import Services

from leadagent_prefect import LeadAgent, WorkflowResult

HERE = Path(__file__).parent
TOUR = {
    "simple_workflow.yaml": "one task after the other",
    "parallel_workflow.yaml": "three sources at the same time",
    "retries.yaml": "services that fail now and then",
    "failure_strategies/stop_on_first_failure.yaml": "the first failure ends the run",
    "failure_strategies/continue_on_failure.yaml": "what can go on goes on",
    "failure_strategies/partial_completion_allowed.yaml": "three of five are enough",
    "branches.yaml": "what is found says what runs",
    "maps.yaml": "a task for each item",
    "undo.yaml": "what was done is undone",
}


def show(title: str, result: WorkflowResult) -> None:
    print(f"\n{title}: {result.status}, {result.completed_tasks}/{result.total_tasks} tasks")
    for name, task in result.tasks.items():
        tries = f" after {task.attempts} attempts" if task.attempts > 1 else ""
        reason = f": {task.error}" if task.error else ""
        print(f"  {name}: {task.status}{tries}{reason}")


async def main() -> None:
    agent = LeadAgent(say=print)
    with Services() as services:
        for file, title in TOUR.items():
            inputs = services.inputs if file == "simple_workflow.yaml" else {"services": services.url}
            show(title, await agent.execute_workflow_from_file(HERE / file, inputs=inputs))


if __name__ == "__main__":
    asyncio.run(main())
