"""Pointing Prefect's client at an API: before prefect is imported, and after."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from leadagent_prefect.embedded.api import PrefectApi
from leadagent_prefect.embedded.profile import CLIENT_PROFILE

_PROXIES = ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy")


def client_environment(api: PrefectApi) -> dict[str, str]:
    """Variables for a process that has not imported prefect yet, this one or a child.

    What the user set of `CLIENT_PROFILE` stays as it is.
    """
    environment = {name: os.environ.get(name, value) for name, value in CLIENT_PROFILE.items()}
    environment["PREFECT_API_URL"] = api.url
    if api.auth_string:
        environment["PREFECT_API_AUTH_STRING"] = api.auth_string
    return {**environment, **_around_the_proxy(api)}


def set_client_defaults() -> None:
    """`CLIENT_PROFILE` for this process, what the user set of it excepted; for before prefect is imported.

    Some of it counts at that very import, which otherwise reports to Prefect's makers from a terminal.
    """
    if "prefect" not in sys.modules:
        os.environ.update({name: os.environ.get(name, value) for name, value in CLIENT_PROFILE.items()})


@contextmanager
def use_api(api: PrefectApi) -> Iterator[None]:
    """Prefect's client speaks to ``api`` within, in this thread and what it awaits.

    Requests and logs follow the settings of their context. Events, and with them all that the server
    knows of task runs, go through one worker per process that keeps to the server it saw first; so for
    an embedded server the worker is chosen for the whole process until the last ``use_api`` is left.
    """
    os.environ.update(_around_the_proxy(api))
    set_client_defaults()
    from prefect.settings import temporary_settings

    updates = {"api.url": api.url, "api.auth_string": api.auth_string}
    defaults = {"tasks.default_no_cache": True, "logging.to_api.when_missing_flow": "ignore"}
    with ExitStack() as stack:
        stack.enter_context(temporary_settings(updates=updates, set_defaults=defaults))
        if api.embedded:
            stack.enter_context(_EVENTS.sent_to(api.url))
        yield


class _Events:
    """Who of this process sends events to the embedded server at present."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0

    @contextmanager
    def sent_to(self, url: str) -> Iterator[None]:
        from prefect.events.worker import EventsWorker

        from leadagent_prefect.embedded.lasting import LastingEvents

        with self._lock:
            self._users += 1
            EventsWorker.set_client_override(LastingEvents, api_url=url)
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    EventsWorker.set_client_override(None)


_EVENTS = _Events()


def _around_the_proxy(api: PrefectApi) -> dict[str, str]:
    """A proxy can't reach this machine's loopback, yet Prefect's clients would ask it to."""
    if not api.embedded or not any(os.environ.get(name) for name in _PROXIES):
        return {}
    excepted = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    if "127.0.0.1" not in excepted.split(","):
        excepted = ",".join(filter(None, [excepted, "127.0.0.1"]))
    return {"no_proxy": excepted, "NO_PROXY": excepted}
