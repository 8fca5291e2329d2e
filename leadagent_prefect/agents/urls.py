"""An agent's address and what may be asked under it.

Every URL is judged as httpx reads it, since that reading is the one that is connected to.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from leadagent_prefect.agents.auth import basic_credentials
from leadagent_prefect.errors import AgentMisconfigured
from leadagent_prefect.models import AgentConfig

if TYPE_CHECKING:
    import httpx

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PORTS = {"http": 80, "https": 443}


class Address:
    """The endpoint of an agent: ``url`` without user info, ``credentials`` that stood in it ("" for none)."""

    def __init__(self, config: AgentConfig) -> None:
        self._where = f'agent "{config.name}": endpoint'
        if not config.endpoint:
            raise AgentMisconfigured(
                f'{self._where} is missing: give the service\'s URL, "https://host/path"'
            )
        url = _parsed(config.endpoint, self._where)
        self.credentials = ""
        if url.userinfo:
            user, _, password = url.userinfo.decode("ascii").partition(":")
            self.credentials = basic_credentials(unquote(user), unquote(password), self._where)
        self.url = url.copy_with(username=None, password=None, fragment=None)

    def join(self, endpoint: str, query: str = "") -> httpx.URL:
        """``endpoint`` below this address, the base path and its query kept, and ``query`` (ASCII) added.

        An absolute URL of the same origin is taken as it is; one that leaves it is `AgentMisconfigured`, and
        so is a path with ``..``, which may come out of a result and would climb out of the base path.
        """
        where = f"{self._where}: the task's endpoint"
        if _ABSOLUTE.match(endpoint):
            url = _parsed(endpoint, where)
            if url.userinfo or origin(url) != origin(self.url):
                raise AgentMisconfigured(
                    f"{where} is {shown(url)}, not on {shown(self.url.join('/'))}: an agent stays on "
                    "its own origin, and its credentials with it; define an agent for the other one"
                )
            return _with_query(url, query)
        path, _, own_query = endpoint.partition("#")[0].partition("?")
        base, _, base_query = str(self.url).partition("?")
        if ".." in unquote(path).replace("\\", "/").split("/"):
            raise AgentMisconfigured(
                f'{where} has ".." in its path, which may lead out of {shown(self.url)}: define an agent for '
                "what lies elsewhere"
            )
        if path:
            # The slash keeps "@host", "//host" and ".host" in the path.
            base = f"{base.rstrip('/')}/{path.removeprefix('/')}"
        parts = "&".join(part for part in (base_query, own_query) if part)
        return _with_query(_parsed(f"{base}?{parts}" if parts else base, where), query)

    def with_path(self, path: str) -> httpx.URL:
        """This address with another path; its query is kept."""
        return self.url.copy_with(path=path)


def origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Scheme, host and port, the scheme's own port filled in."""
    return url.scheme, url.host, url.port or _PORTS.get(url.scheme)


def shown(url: httpx.URL) -> str:
    """The URL as it may stand in messages and metadata: without user info, query and fragment."""
    return str(url.copy_with(username=None, password=None, query=None, fragment=None))


def _with_query(url: httpx.URL, query: str) -> httpx.URL:
    if not query:
        return url
    joined = f"{url.query.decode('ascii')}&{query}" if url.query else query
    return url.copy_with(query=joined.encode("ascii"))


def _parsed(text: str, where: str) -> httpx.URL:
    import httpx

    # Messages leave the text out: it may hold credentials.
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError) as exc:
        raise AgentMisconfigured(f"{where} is no valid URL ({type(exc).__name__})") from None
    if url.scheme not in _PORTS or not url.host:
        raise AgentMisconfigured(f'{where} must be an http or https URL, "https://host/path"')
    if b"\\" in url.userinfo or "%5C" in url.userinfo.decode("ascii") or "%" in url.host:
        raise AgentMisconfigured(f"{where} has a character in its host or user info that no host has")
    if url.port is not None and not 0 < url.port < 65_536:
        raise AgentMisconfigured(f"{where} has the port {url.port}, which is none")
    return url
