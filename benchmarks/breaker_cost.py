"""What a closed, healthy circuit breaker costs a call, in this process; no request is part of it.

A call that returns at once is made as it is, by an agent without rules, and through a breaker. The Prefect
API is away, so that nothing but the own work of the process is timed.
"""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

from harness import Stopwatch, Timing, machine, own_home, table

ROUNDS, CALLS = 15, 2000
PLAIN, UNGUARDED, GUARDED = "the call alone", "an agent without rules", "a closed circuit breaker"
NOWHERE = "http://127.0.0.1:9/api"


async def make() -> dict[str, Any]:
    return {}


async def measure() -> None:
    from leadagent_prefect.engine.shared.guards import Guards
    from leadagent_prefect.models import AgentConfig, CircuitBreakerConfig
    from leadagent_prefect.redaction import Redactor

    logging.disable(logging.CRITICAL)
    plain = AgentConfig(name="plain", type="http_api", endpoint="http://127.0.0.1:9")
    guarded = plain.model_copy(update={"name": "guarded", "circuit_breaker": CircuitBreakerConfig()})
    pool = SimpleNamespace(at_close=[])
    run: Any = SimpleNamespace(
        plan=SimpleNamespace(agents={agent.name: agent for agent in (plain, guarded)}),
        scope=dict,
        control=SimpleNamespace(scope=""),
        redactor=Redactor(),
        pool=pool,
    )
    guards = Guards(run)
    calls: dict[str, Any] = {
        agent.name: SimpleNamespace(step=SimpleNamespace(agent=agent)) for agent in (plain, guarded)
    }
    variants = {
        PLAIN: make,
        UNGUARDED: lambda: guards.passed(calls["plain"], make),
        GUARDED: lambda: guards.passed(calls["guarded"], make),
    }
    rows: dict[str, list[Timing]] = {name: [] for name in variants}
    await variants[GUARDED]()
    for _ in range(ROUNDS):
        for name, variant in variants.items():
            with Stopwatch() as watch:
                for _ in range(CALLS):
                    await variant()
            rows[name].append(Timing(watch.timing.wall / CALLS, watch.timing.cpu / CALLS))
    for close in pool.at_close:
        await close()
    table(rows, base=PLAIN, unit="us")


def main() -> None:
    with own_home(), machine():
        from leadagent_prefect.embedded import use_api
        from leadagent_prefect.embedded.api import PrefectApi

        with use_api(PrefectApi(url=NOWHERE, auth_string=None, embedded=False, ui_url="")):
            asyncio.run(measure())


if __name__ == "__main__":
    main()
