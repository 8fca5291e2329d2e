"""What is installed, which Prefect API is used, what is wrong and how to mend it. Imports no prefect."""

from __future__ import annotations

import base64
import importlib.metadata
import json
import os
import platform
import re
import shutil
import stat
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from leadagent_prefect.embedded import PrefectApi, status
from leadagent_prefect.embedded.configured import configured_api, setting
from leadagent_prefect.embedded.home import ServerHome
from leadagent_prefect.embedded.probe import check_reachable, without_user_info
from leadagent_prefect.embedded.profile import CLIENT_PROFILE, SERVER_PROFILE
from leadagent_prefect.errors import PrefectUnavailable
from leadagent_prefect.observe.installed import examine_observers

_PYTHON = (3, 10)


class PackageRange(NamedTuple):
    """Versions that work, from ``least`` to below ``limit``, and what happens with others."""

    least: str
    limit: str | None
    trouble: str = "other versions were not tried"

    @property
    def specifier(self) -> str:
        return f">={self.least},<{self.limit}" if self.limit else f">={self.least}"

    def has(self, version: str) -> bool:
        release = _numbers(version)
        return _numbers(self.least) <= release and (self.limit is None or release < _numbers(self.limit))


#: The same as in pyproject.toml; pip may have been told otherwise, and Prefect itself leaves some open.
PACKAGES: Mapping[str, PackageRange] = {
    "prefect": PackageRange("3.8.8", "3.9"),
    "fastapi": PackageRange("0.139", "0.147", "`prefect deploy` fails or the Prefect server does not start"),
    "sqlalchemy": PackageRange("2.0", "2.1", "with 2.1 Prefect's scheduler fails: no scheduled run appears"),
    "mcp": PackageRange("2.3", "3"),
    "httpx": PackageRange("0.28", "0.29"),
    "pydantic": PackageRange("2.13", "3"),
    "jinja2": PackageRange("3.1.6", "4"),
    "google-re2": PackageRange("1.1.20240702", None),
    "jsonschema": PackageRange("4.23", "5"),
    "pyyaml": PackageRange("6.0.2", "7"),
}

#: Settings of a server that decide whether it keeps up and whether slots of limits are given back.
_WATCHED = [
    name for name in SERVER_PROFILE if name.startswith(("PREFECT_SERVER_CONCURRENCY", "PREFECT_SERVER_SERV"))
]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; ``mend`` says what to do where it is not ok."""

    check: str
    status: Literal["ok", "warning", "error"]
    found: str
    mend: str | None = None


def examine() -> list[Finding]:
    """Every finding, in the order in which things depend on each other. Starts nothing."""
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (
        _python,
        _packages,
        _observers,
        _home,
        _api,
        _settings,
        _node,
    )
    return [finding for check in checks for finding in check()]


def _python() -> Iterator[Finding]:
    found = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info >= _PYTHON:
        yield Finding("python", "ok", found)
    else:  # pragma: no cover - the tests run on the versions that are supported
        yield Finding("python", "error", found, f"use Python {'.'.join(map(str, _PYTHON))} or newer")


def _packages() -> Iterator[Finding]:
    for name, wanted in PACKAGES.items():
        mend = f'pip install "{name}{wanted.specifier}"'
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield Finding(name, "error", "is not installed", mend)
            continue
        if wanted.has(version):
            yield Finding(name, "ok", version)
        else:
            found = f"{version} is outside {wanted.specifier}: {wanted.trouble}"
            yield Finding(name, "error", found, mend)


def _observers() -> Iterator[Finding]:
    for named, trouble in examine_observers():
        if trouble is None:
            yield Finding("observer", "ok", named)
        else:
            mend = "mend or remove that package; runs go on without this observer"
            yield Finding("observer", "warning", f"{named} is left out: {trouble}", mend)


def _numbers(version: str) -> tuple[int, ...]:
    """The release of a version; what may follow it (``rc1``) is left out."""
    release = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, release[0].split("."))) if release else ()


def _home() -> Iterator[Finding]:
    try:
        home = ServerHome.current()
    except PrefectUnavailable as error:
        yield Finding("PREFECT_HOME", "error", str(error))
        return
    folder = home.prefect_home
    if not folder.exists():
        yield Finding("PREFECT_HOME", "ok", f"{folder} does not exist yet; the first run makes it")
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        yield Finding(
            "PREFECT_HOME", "error", f"{folder} can't be written", "set PREFECT_HOME to a folder of your own"
        )
        return
    exposed = [
        path for path in (home.database, home.prefect_home / "storage", home.folder) if _seen_by_others(path)
    ]
    if _seen_by_others(folder) and exposed:
        paths = " ".join(str(path) for path in exposed)
        yield Finding("PREFECT_HOME", "warning", f"others can read {paths}", f"chmod 700 {folder}")
    else:
        yield Finding("PREFECT_HOME", "ok", str(folder))


def _seen_by_others(path: Path) -> bool:
    return path.exists() and bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def _api() -> Iterator[Finding]:
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
    yield from _server_settings(configured)


def _embedded() -> Iterator[Finding]:
    try:
        server = status()
    except PrefectUnavailable:  # its home is not ours, which _home told
        return
    if server.ready:
        yield Finding("Prefect API", "ok", f"{server.url}, started by leadagent, answers")
    elif server.running:
        found = f"leadagent's server is starting, stopping or stuck; its log is {server.log_path}"
        yield Finding("Prefect API", "warning", found, "if it stays so: leadagent server stop")
    else:
        yield Finding("Prefect API", "ok", "none is configured; leadagent starts a server when one is needed")


def _server_settings(api: PrefectApi) -> Iterator[Finding]:
    """A server of somebody else's runs with Prefect's defaults, some of which hurt."""
    given = _flat(_ask(f"{without_user_info(api.url)}/admin/settings", api.auth_string))
    for name in _WATCHED:
        wanted = SERVER_PROFILE[name]
        if name in given and given[name] != wanted:
            found = f"{name} is {given[name]} on the server, leadagent's own has {wanted}"
            mend = f"start the server with {name}={wanted}"
            yield Finding("Prefect server", "warning", found, mend)


def _ask(url: str, auth_string: str | None) -> Any:
    """The JSON of an answer, or None: Prefect Cloud, say, does not tell its settings."""
    request = urllib.request.Request(url)  # noqa: S310 - check_reachable has looked at the scheme
    if auth_string:
        request.add_header("Authorization", f"Basic {base64.b64encode(auth_string.encode()).decode()}")
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=10.0) as response:
            return json.loads(response.read(1_000_000))
    except (OSError, ValueError):
        return None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """urllib would carry the credentials on to wherever a redirect points."""

    def redirect_request(self, *_: object) -> None:
        return None


def _flat(value: Any, prefix: str = "PREFECT") -> dict[str, str]:
    """``{"server": {"x": 1.0}}`` as ``{"PREFECT_SERVER_X": "1"}``, the way variables have it."""
    if not isinstance(value, dict):
        return {prefix: f"{value:g}" if isinstance(value, float) else str(value)}
    return {n: v for key, item in value.items() for n, v in _flat(item, f"{prefix}_{key.upper()}").items()}


def _settings() -> Iterator[Finding]:
    for name, wanted in CLIENT_PROFILE.items():
        given = setting(name) if name.startswith("PREFECT_") else None
        if given is not None and given.lower() != wanted:
            found = f"{name} is {given}, where leadagent would have {wanted}"
            yield Finding("settings", "warning", found, f"unset {name}, unless you mean it")


def _node() -> Iterator[Finding]:
    path = shutil.which("npx")
    yield Finding("node", "ok", path or "npx is not there; only MCP servers that come from npm need it")
