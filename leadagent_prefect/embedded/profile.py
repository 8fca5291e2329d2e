"""The Prefect settings leadagent runs with, as data.

Every value is a default: what the user's environment says wins, but for `server_address`, which
decides who can reach the server.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

#: No call leaves the machine: Prefect's own telemetry costs seconds where there is no internet.
_QUIET: Final[dict[str, str]] = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
}

#: A task answers from a cache only where a workflow asks for it.
CLIENT_PROFILE: Final[Mapping[str, str]] = {
    **_QUIET,
    "PREFECT_TASKS_DEFAULT_NO_CACHE": "true",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
}

#: Batches make SQLite keep up (2.8 flow runs a second instead of 1.2), and leases on disk survive the
#: server, where those in memory leave their slots taken for ever. Where hundreds of runs wait their turn,
#: calling each of them late after 15 seconds doubled the time of a submission at its 95th percentile.
SERVER_PROFILE: Final[Mapping[str, str]] = {
    **_QUIET,
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "50",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "50",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "50",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TRIGGERS_READ_BATCH_SIZE": "50",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_AFTER_SECONDS": "300",
    "PREFECT_LOGGING_SERVER_LEVEL": "WARNING",
    "PREFECT_LOGGING_COLORS": "false",
}

#: What several servers on one PostgreSQL must share through Redis; ``redis://...`` stands for its address.
#: With a larger batch a task's state is acknowledged before it is written: a server that is killed loses it.
CLUSTER_PROFILE: Final[Mapping[str, str]] = {
    "PREFECT_SERVER_EVENTS_MESSAGING_BROKER": "prefect_redis.messaging",
    "PREFECT_SERVER_EVENTS_MESSAGING_CACHE": "prefect_redis.messaging",
    "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
    "PREFECT_SERVER_WORKER_CHANNEL_CLEANUP_QUEUE_STORAGE": "prefect_redis.cleanup_queue",
    "PREFECT_SERVER_DOCKET_URL": "redis://...",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "1",
}


def server_address(port: int, auth_string: str) -> dict[str, str]:
    """What makes the server reachable from this machine alone, by whoever knows ``auth_string``.

    The UI is told its API's address, or it would look on Prefect's default port.
    """
    origin = f"http://127.0.0.1:{port}"
    return {
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_API_AUTH_STRING": auth_string,
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": f"{origin},http://localhost:{port}",
        "PREFECT_SERVER_API_BASE_PATH": "/api",
        "PREFECT_SERVER_UI_API_URL": f"{origin}/api",
        "PREFECT_SERVER_UI_SERVE_BASE": "/",
        "PREFECT_API_URL": f"{origin}/api",
        "PREFECT_API_AUTH_STRING": auth_string,
    }


def own_server(address: str, auth_string: str, encryption_key: str) -> dict[str, str]:
    """For a server that somebody else starts and browsers find at ``address`` (scheme, host, port)."""
    return {
        **SERVER_PROFILE,
        "PREFECT_SERVER_API_AUTH_STRING": auth_string,
        "PREFECT_SERVER_ENCRYPTION_KEY": encryption_key,
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": address,
        "PREFECT_SERVER_UI_API_URL": f"{address}/api",
    }
