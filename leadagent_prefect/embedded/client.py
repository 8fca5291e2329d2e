"""Pointing Prefect's client at an API: before prefect is imported, and after."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from leadagent_prefect.embedded.api import PrefectApi
from leadagent_prefect.embedded.profile import CLIENT_PROFILE


def client_environment(api: PrefectApi) -> dict[str, str]:
    """Variables for a process that has not imported prefect yet, this one or a child."""
    environment = {**CLIENT_PROFILE, "PREFECT_API_URL": api.url}
    if api.auth_string:
        environment["PREFECT_API_AUTH_STRING"] = api.auth_string
    return environment


@contextmanager
def use_api(api: PrefectApi) -> Iterator[None]:
    """Prefect's client speaks to ``api`` within, in this thread and what it awaits."""
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: api.url, PREFECT_API_AUTH_STRING: api.auth_string}):
        yield
