"""Workflows of AI agents, MCP servers and HTTP APIs, written as YAML, run as Prefect flows.

The names below load on first use: reading and checking a workflow imports neither Prefect nor an agent.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leadagent_prefect.agents.base import BaseAgent
    from leadagent_prefect.agents.registry import AgentFactory
    from leadagent_prefect.errors import ConfigurationError, PrefectUnavailable
    from leadagent_prefect.lead_agent import LeadAgent
    from leadagent_prefect.models import AgentType
    from leadagent_prefect.observe.dispatch import Observer
    from leadagent_prefect.observe.events import Event
    from leadagent_prefect.results import AgentResponse, WorkflowResult

__version__ = "0.1.0"

_HOMES = {
    "AgentFactory": "leadagent_prefect.agents.registry",
    "AgentResponse": "leadagent_prefect.results",
    "AgentType": "leadagent_prefect.models",
    "BaseAgent": "leadagent_prefect.agents.base",
    "ConfigurationError": "leadagent_prefect.errors",
    "Event": "leadagent_prefect.observe.events",
    "LeadAgent": "leadagent_prefect.lead_agent",
    "Observer": "leadagent_prefect.observe.dispatch",
    "PrefectUnavailable": "leadagent_prefect.errors",
    "WorkflowResult": "leadagent_prefect.results",
}

__all__ = [
    "AgentFactory",
    "AgentResponse",
    "AgentType",
    "BaseAgent",
    "ConfigurationError",
    "Event",
    "LeadAgent",
    "Observer",
    "PrefectUnavailable",
    "WorkflowResult",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
