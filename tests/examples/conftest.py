from __future__ import annotations

from pathlib import Path

import pytest

from leadagent_prefect import LeadAgent


@pytest.fixture
def run_example(prefect_api, services):
    """Runs a workflow of examples/ against the running services, with those of ``inputs`` that it takes."""

    async def run(name: str, *observers, **inputs):
        agent = LeadAgent(observers=observers)
        return await agent.execute_workflow_from_file(EXAMPLES / name, {"services": services.url, **inputs})

    return run


EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="session")
def examples() -> Path:
    """The folder of the examples."""
    return EXAMPLES
