"""How commands about runs reach the Prefect API, whose own log lines nobody asked for."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient

    from leadagent_prefect.embedded import PrefectApi

Answer = TypeVar("Answer")


def asked(work: Callable[[PrefectClient], Awaitable[Answer]], api: PrefectApi | None = None) -> Answer:
    """What ``work`` gives, with a client of ``api``; by default of the configured or embedded one."""
    from leadagent_prefect.cli.failures import say
    from leadagent_prefect.embedded import ensure_api, set_client_defaults

    api = api or ensure_api(say)
    set_client_defaults()
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    from leadagent_prefect.runs import ask

    return ask(api, work)
