"""The settings of a Prefect server that somebody else started, as far as it tells them.

Prefect's own defaults are those of a trial: some of them lose slots of limits, hardly keep up, or let
everybody in. A server tells most of its settings at ``/admin/settings``; not its encryption key, which it
reads from the environment alone, and not its database, whose address is masked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from leadagent_prefect.doctor.finding import Finding
from leadagent_prefect.doctor.place import host_of, is_loopback, is_this_machine
from leadagent_prefect.embedded import PrefectApi
from leadagent_prefect.embedded.probe import ask
from leadagent_prefect.embedded.profile import CLUSTER_PROFILE, SERVER_PROFILE
from leadagent_prefect.embedded.secrets_at_rest import key_in_database

Settings = Mapping[str, Any]


class _Rule(NamedTuple):
    """``why`` follows "NAME is VALUE: "; ``put`` is the value to set."""

    name: str
    wrong: Callable[[Any], bool]
    why: str
    put: str


def check_server(api: PrefectApi) -> Iterator[Finding]:
    """What of its settings hurts. Nothing where it does not tell them, as behind some proxies."""
    given = _flat(ask(api, "/admin/settings"))
    for rule in _rules(api, given):
        if rule.name in given and rule.wrong(given[rule.name]):
            value = "not set" if given[rule.name] is None else given[rule.name]
            found = f"{rule.name} is {value}: {rule.why}"
            yield _warning(found, f"start the server with {rule.name}={rule.put}")
    if given:
        yield from _password_on_show(given)
        yield from _database(api, given)


def _rules(api: PrefectApi, given: Settings) -> Iterator[_Rule]:
    shared = "memory" not in str(given.get("PREFECT_SERVER_EVENTS_MESSAGING_BROKER", "memory"))
    yield from (rule for rule in _PROFILE_RULES if not (shared and rule.name == _RECORDER))
    if not (is_loopback(host_of(api.url)) and is_loopback(str(given.get("PREFECT_SERVER_API_HOST")))):
        yield _Rule(
            "PREFECT_SERVER_API_AUTH_STRING",
            lambda value: value is None,
            "whoever reaches its address can read everything and run anything",
            "USER:PASSWORD (and PREFECT_API_AUTH_STRING for its clients)",
        )
    yield from _CLUSTER_RULES if shared else [_LEASES]


def _warning(found: str, mend: str) -> Finding:
    return Finding("Prefect server", "warning", found, mend)


def _is_below(least: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and value < int(least)


_RECORDER = "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE"
_BATCHES = {
    "TASK_RUN_RECORDER": "task runs are written one by one, and SQLite does less than half as many runs",
    "EVENT_PERSISTER": "events are written a few at a time, which keeps the database busy",
    "TRIGGERS": "automations read events one by one, and fall behind",
}

_PROFILE_RULES = [
    *(
        _Rule(name, _is_below(put), why, put)
        for name, put in SERVER_PROFILE.items()
        for service, why in _BATCHES.items()
        if f"_{service}_" in name and name.endswith("BATCH_SIZE")
    ),
    _Rule(
        "PREFECT_SERVER_ANALYTICS_ENABLED",
        lambda value: value is True,
        "it reports to Prefect's makers every ten minutes, and waits where there is no internet",
        "false",
    ),
    _Rule(
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS",
        lambda value: "*" in str(value).split(","),
        "any web page may speak to it from a browser that reaches it",
        "the address of its UI, such as http://127.0.0.1:4200",
    ),
]

_LEASES = _Rule(
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE",
    lambda value: str(value).endswith(".memory"),
    "slots of limits that are held when the server ends stay taken for ever",
    SERVER_PROFILE["PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE"],
)

#: Where events go through a broker, there are several servers, or there will be.
_CLUSTER_RULES = [
    *(
        _Rule(
            name,
            lambda value: not str(value).startswith(("prefect_redis.", "redis")),
            "several servers would each have one of their own, and know nothing of each other's",
            put,
        )
        for name, put in CLUSTER_PROFILE.items()
        if name != _RECORDER
    ),
    _Rule(
        _RECORDER,
        lambda value: value > 1,
        "a server that is killed takes as many states of tasks with it, which are shown as running for ever",
        CLUSTER_PROFILE[_RECORDER],
    ),
]


def _password_on_show(given: Settings) -> Iterator[Finding]:
    name = "PREFECT_SERVER_DOCKET_URL"
    if "@" in str(given.get(name)):
        found = f"{name} holds a password, which GET /admin/settings shows to all who may use the API"
        yield _warning(found, "give Redis a user of its own for it, and let only the servers reach Redis")


def _database(api: PrefectApi, given: Settings) -> Iterator[Finding]:
    file = Path(str(given.get("PREFECT_HOME")), "prefect.db")
    # SQLite's log is there as long as somebody has the database open.
    if not (is_this_machine(host_of(api.url)) and file.with_name("prefect.db-wal").exists()):
        found = (
            "it does not tell whether PREFECT_SERVER_ENCRYPTION_KEY is set, without which the key to secret "
            "blocks lies beside them in the database, nor whether it is SQLite, too slow for several workers"
        )
        yield Finding("Prefect server", "ok", found)
        return
    if key_in_database(file):
        found = f"the key to secret blocks lies beside them in {file}: who has a copy can read them"
        mend = (
            "start a new server with the PREFECT_SERVER_ENCRYPTION_KEY of `leadagent server profile`; "
            "this one can't read its blocks with another key"
        )
        yield _warning(found, mend)
    workers = _workers(api)
    if workers > 1:
        found = (
            f"{workers} workers are online and the database is SQLite: runs that start together wait for it"
        )
        mend = "start the server with PREFECT_SERVER_DATABASE_CONNECTION_URL=postgresql+asyncpg://..."
        yield _warning(found, mend)


def _workers(api: PrefectApi) -> int:
    """How many are online, over all pools."""
    online = {"workers": {"status": {"any_": ["ONLINE"]}}}
    pools = ask(api, "/work_pools/filter", {}) or []
    return sum(len(ask(api, f"/work_pools/{pool['name']}/workers/filter", online) or []) for pool in pools)


def _flat(value: Any, prefix: str = "PREFECT") -> dict[str, Any]:
    """``{"server": {"x": 1}}`` as ``{"PREFECT_SERVER_X": 1}``."""
    if not isinstance(value, dict):
        return {} if prefix == "PREFECT" else {prefix: value}
    return {n: v for key, item in value.items() for n, v in _flat(item, f"{prefix}_{key.upper()}").items()}
