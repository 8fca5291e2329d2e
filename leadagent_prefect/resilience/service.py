"""Which service an agent calls. Breakers and limits belong to it, not to the agent's name."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from leadagent_prefect.naming import slug

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Service:
    """``name`` is for blocks and limits, ``label`` for people; neither holds a credential."""

    name: str
    label: str

    def within(self, scope: str) -> Service:
        """As it is known to the runs of ``scope`` (`RunControl`): what these meet is no matter of others."""
        return _service(f"{self.label} of {scope}", [self.name, scope]) if scope else self


def service_of(type: str, endpoint: str | None, custom_params: Mapping[str, Any]) -> Service:
    """By type and origin; of a stdio server by its command line, of a custom agent by class and endpoint."""
    endpoint = (endpoint or "").strip()
    if type == "mcp_server" and (line := _command_line(endpoint, custom_params)):
        # Its arguments may hold a credential, so they are in the digest alone.
        return _service(f"{type} stdio:{line[0]}", line)
    url = _url(endpoint.removeprefix("sse+"))
    if type == "custom" or url is None:
        cls = custom_params.get("class")
        place = [endpoint] if url is None else [_origin(url), url.path]
        shown = "" if url is None else f" {_origin(url)}{url.path}"
        return _service(f"{cls if isinstance(cls, str) else type}{shown}", [type, cls, *place])
    return _service(f"{type} {_origin(url)}", [type, _origin(url)])


def _service(label: str, parts: list[Any]) -> Service:
    digest = hashlib.sha256(repr([label, parts]).encode("utf-8", "surrogatepass")).hexdigest()[:8]
    short = slug(label.replace("https://", "").replace("http://", ""))
    return Service(f"{short.rpartition('-')[0] or 'service'}-{digest}", label)


def _command_line(endpoint: str, params: Mapping[str, Any]) -> list[str]:
    if endpoint.startswith("stdio:"):
        try:
            return shlex.split(endpoint.removeprefix("stdio:"))
        except ValueError:
            return [endpoint.removeprefix("stdio:")]
    if "command" not in params:
        return []
    args = params.get("args")
    return [str(params["command"]), *(map(str, args) if isinstance(args, list) else ())]


def _url(endpoint: str) -> SplitResult | None:
    try:
        url = urlsplit(endpoint)
        known = url.scheme in _PORTS and url.hostname and url.port != 0
    except ValueError:
        return None
    return url if known else None


def _origin(url: SplitResult) -> str:
    host = url.hostname or ""
    port = url.port or _PORTS[url.scheme]
    shown = f"[{host}]" if ":" in host else host
    return f"{url.scheme}://{shown}" + ("" if port == _PORTS[url.scheme] else f":{port}")
