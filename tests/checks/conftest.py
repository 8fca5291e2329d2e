from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from leadagent_prefect.loader import examine, read

Found = list[tuple[str, str]]


@pytest.fixture
def workflow() -> Callable[..., dict[str, Any]]:
    """A valid workflow of one agent and one task, with changes laid over each."""

    def make(
        agent: dict[str, Any] | None = None, task: dict[str, Any] | None = None, **top: Any
    ) -> dict[str, Any]:
        api = {"name": "api", "type": "http_api", "endpoint": "https://api.example.com"}
        call = {"name": "fetch", "agent_name": "api", "action": "GET"}
        return {"name": "w", "agents": [api | (agent or {})], "tasks": [call | (task or {})], **top}

    return make


@pytest.fixture
def found() -> Callable[[dict[str, Any]], Found]:
    """Code and message of everything that is found in a workflow given as a dict."""

    def of(data: dict[str, Any]) -> Found:
        _, diagnostics = examine(read(data))
        return [(diagnostic.code, diagnostic.message) for diagnostic in diagnostics]

    return of
