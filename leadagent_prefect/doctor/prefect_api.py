"""Which Prefect API is used, and whether it answers."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator

from leadagent_prefect.doctor.finding import Finding
from leadagent_prefect.doctor.results import check_results
from leadagent_prefect.doctor.server import check_server
from leadagent_prefect.embedded import PrefectApi, status
from leadagent_prefect.embedded.configured import configured_api, setting
from leadagent_prefect.embedded.probe import ask, check_reachable, without_user_info
from leadagent_prefect.embedded.profile import CLIENT_PROFILE
from leadagent_prefect.errors import PrefectUnavailable

_CLOUD = "https://api.prefect.cloud/"


def check_api() -> Iterator[Finding]:
    """The API, and where somebody else started its server, that server's settings."""
    configured = configured_api()
    if configured is None:
        yield from _embedded()
        return
    try:
        check_reachable(configured)
    except PrefectUnavailable as error:
        yield Finding("Prefect API", "error", str(error))
        return
    yield Finding("Prefect API", "ok", f"{without_user_info(configured.url)} (configured) answers")
    if not configured.url.startswith(_CLOUD):  # whose servers are its own business
        yield from _version(configured)
        yield from check_server(configured)
    yield from check_results(configured)


def check_client() -> Iterator[Finding]:
    """Settings of Prefect's client that leadagent would have otherwise."""
    for name, wanted in CLIENT_PROFILE.items():
        given = setting(name) if name.startswith("PREFECT_") else None
        if given is not None and given.lower() != wanted:
            found = f"{name} is {given}, where leadagent would have {wanted}"
            yield Finding("settings", "warning", found, f"unset {name}, unless you mean it")


def _embedded() -> Iterator[Finding]:
    try:
        found = status()
    except PrefectUnavailable:  # its home is not ours, which is told by the check of the home
        return
    if found.ready:
        yield Finding("Prefect API", "ok", f"{found.url}, started by leadagent, answers")
    elif found.running:
        trouble = f"leadagent's server is starting, stopping or stuck; its log is {found.log_path}"
        yield Finding("Prefect API", "warning", trouble, "if it stays so: leadagent server stop")
    else:
        yield Finding("Prefect API", "ok", "none is configured; leadagent starts a server when one is needed")


def _version(api: PrefectApi) -> Iterator[Finding]:
    """Prefect promises nothing of a client that is newer than its server."""
    theirs, ours = ask(api, "/admin/version"), importlib.metadata.version("prefect")
    if isinstance(theirs, str) and theirs.split(".")[:2] != ours.split(".")[:2]:
        found = f"the server is Prefect {theirs} and this is {ours}: only equal versions were tried together"
        mend = f'where the server runs: pip install "prefect=={ours}"'
        yield Finding("Prefect server", "warning", found, mend)
