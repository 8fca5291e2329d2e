"""Watching a run: one observer that tells, one that measures. python examples/observer.py"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from servers import Services

from leadagent_prefect import Event, LeadAgent, Observer

WORKFLOW = Path(__file__).with_name("retries.yaml")


class WorkflowMonitor(Observer):
    async def update(self, subject: Any, event_type: str, data: Event) -> None:
        if event_type == "task_completed":
            print(f"Task {data.name} completed successfully")
        elif event_type == "task_retrying":
            print(f"Task {data.name} is tried again: attempt {data.attempt} ended in {data.error_class}")
        elif event_type == "task_failed":
            print(f"Task {data.name} failed: {data.error}")


class MetricsCollector(Observer):
    def __init__(self) -> None:
        self.metrics: dict[str, float] = {}

    async def update(self, subject: Any, event_type: str, data: Event) -> None:
        if event_type == "task_completed" and data.execution_time is not None:
            self.metrics[data.name] = data.execution_time


async def main() -> None:
    metrics = MetricsCollector()
    agent = LeadAgent(observers=[metrics])
    agent.attach(WorkflowMonitor())
    with Services(tools=False) as services:
        result = await agent.execute_workflow_from_file(WORKFLOW, inputs=services.inputs)
    print(f"Status: {result.status}")
    print(f"Measured: {', '.join(sorted(metrics.metrics))}")


if __name__ == "__main__":
    asyncio.run(main())
