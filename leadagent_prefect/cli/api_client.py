"""How commands about runs reach the Prefect API, whose own log lines nobody asked for."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient

Answer = TypeVar("Answer")


def asked(work: Callable[[PrefectClient], Awaitable[Answer]]) -> Answer:
    """What ``work`` gives, with a client of the configured API, or of the embedded server."""
    from leadagent_prefect.cli.failures import say
    from leadagent_prefect.embedded import ensure_api, set_client_defaults

    api = ensure_api(say)
    set_client_defaults()
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    from leadagent_prefect.runs import ask

    return ask(api, work)
