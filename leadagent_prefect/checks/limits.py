"""Limits of agents that call the same service: they belong to the service, so there is one of each."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from leadagent_prefect.checks.context import Context, Part, literal
from leadagent_prefect.resilience.pace import Rate
from leadagent_prefect.resilience.service import service_of

_RATE = re.compile(r"[1-9]\d{0,8}/[smh]")


def check_limits(context: Context) -> None:
    """Of agents of one service none allows more than another."""
    services: dict[str, list[Part]] = defaultdict(list)
    for agent in context.agents:
        kind, endpoint, params = (agent.data.get(key) for key in ("type", "endpoint", "custom_params"))
        if (
            isinstance(kind, str)
            and (endpoint is None or isinstance(endpoint, str))
            and literal([endpoint, params])
        ):
            known = params if isinstance(params, Mapping) else {}
            services[service_of(kind, endpoint, known).name].append(agent)
    for agents in services.values():
        _compare(context, agents, "max_concurrency", _slots)
        _compare(context, agents, "rate_limit", _pace)


def _compare(context: Context, agents: list[Part], key: str, allows: Callable[[Any], float | None]) -> None:
    found = [(much, agent) for agent in agents if (much := allows(agent.data.get(key))) is not None]
    if not found:
        return
    least, lowest = min(found, key=lambda one: one[0])
    for much, agent in found:
        if much > least:
            context.say(
                "differing-limits",
                f"{agent.label}: its {key} is {agent.data[key]}, and {lowest.label}, which calls the same "
                f"service, has {lowest.data[key]}: the lowest holds for both",
                (*agent.path, key),
                hint=f"{key}: {lowest.data[key]}",
            )


def _slots(value: Any) -> float | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _pace(value: Any) -> float | None:
    return -Rate.of(value).interval if isinstance(value, str) and _RATE.fullmatch(value) else None
