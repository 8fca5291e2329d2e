from __future__ import annotations

from pathlib import Path

import pytest

from leadagent_prefect import LeadAgent
from leadagent_prefect.loader import load


@pytest.fixture
def run_example(prefect_api, services):
    """Runs a workflow of examples/ against the running services, which it is told of if it takes that."""

    async def run(name: str, *observers, **inputs):
        agent, path = LeadAgent(observers=observers), EXAMPLES / name
        if "services" in load(path).workflow.inputs:
            inputs["services"] = services.url
        return await agent.execute_workflow_from_file(path, inputs)

    return run


EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="session")
def examples() -> Path:
    """The folder of the examples."""
    return EXAMPLES
