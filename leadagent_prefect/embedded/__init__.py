"""The Prefect API that leadagent talks to: the configured one, or a server it starts by itself.

The server of its own is one process per ``PREFECT_HOME``, shared by every run, and ends when it has
been idle for long. Nothing here imports prefect before `use_api` is entered, so `ensure_api` costs
milliseconds where a server runs.

The order of things::

    api = ensure_api(say)                 # starts a server if need be
    os.environ.update(client_environment(api))
    import prefect                        # only now

or, where prefect is imported already, ``with use_api(api): ...`` around the run.
"""

from __future__ import annotations

from leadagent_prefect.embedded.api import PrefectApi
from leadagent_prefect.embedded.client import client_environment, set_client_defaults, use_api
from leadagent_prefect.embedded.lifecycle import ServerStatus, api_at_hand, ensure_api, start, status, stop

__all__ = [
    "PrefectApi",
    "ServerStatus",
    "api_at_hand",
    "client_environment",
    "ensure_api",
    "set_client_defaults",
    "start",
    "status",
    "stop",
    "use_api",
]
