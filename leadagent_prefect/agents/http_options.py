"""What ``custom_params`` may say about HTTP, for every agent that speaks it."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from leadagent_prefect.agents.headers import checked_headers
from leadagent_prefect.errors import AgentMisconfigured
from leadagent_prefect.models import AgentConfig

HTTP_PARAMS = frozenset({"user_agent", "headers", "verify", "follow_redirects", "max_response_bytes"})

MAX_RESPONSE_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True)
class HttpOptions:
    """``headers`` include the user agent, names in lower case; ``verify`` may be the path of a CA bundle."""

    headers: dict[str, str] = field(repr=False)
    verify: bool | str = True
    follow_redirects: bool = False
    max_response_bytes: int = MAX_RESPONSE_BYTES

    @classmethod
    def of(cls, config: AgentConfig) -> HttpOptions:
        """Those of an agent, or `AgentMisconfigured` naming the key that is wrong."""
        params, where = config.custom_params, f'agent "{config.name}": custom_params'
        agent = {"user-agent": params.get("user_agent", f"leadagent/{version_of('leadagent-prefect')}")}
        return cls(
            headers={
                **checked_headers(agent, where),
                **checked_headers(params.get("headers"), f"{where}.headers"),
            },
            verify=_typed(params, "verify", (bool, str), True, where),
            follow_redirects=_typed(params, "follow_redirects", (bool,), False, where),
            max_response_bytes=_size(params, where),
        )

    def ssl_context(self) -> ssl.SSLContext:
        """The context of these options, shared by the process: making one costs some 50 ms."""
        return ssl_context(self.verify)


def ssl_context(verify: bool | str = True) -> ssl.SSLContext:
    """That of an agent's ``verify``. httpx brings authorities, unless the environment names others."""
    return _ssl_context(verify, *map(os.environ.get, ("SSL_CERT_FILE", "SSL_CERT_DIR")))


@lru_cache(maxsize=32)
def _ssl_context(verify: bool | str, *_: str | None) -> ssl.SSLContext:
    import httpx

    if isinstance(verify, bool):
        return httpx.create_ssl_context(verify=verify)
    path = Path(verify)
    try:
        return ssl.create_default_context(
            cafile=None if path.is_dir() else verify, capath=verify if path.is_dir() else None
        )
    except OSError as exc:
        raise AgentMisconfigured(
            f'custom_params.verify: no CA bundle can be read from "{verify}": {exc}'
        ) from None


@lru_cache(maxsize=4)
def version_of(distribution: str) -> str:
    """The installed version, or "dev" where it runs from a checkout that was never installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "dev"


def _typed(params: dict[str, Any], key: str, types: tuple[type, ...], default: Any, where: str) -> Any:
    value = params.get(key, default)
    if not isinstance(value, types):
        names = {bool: "true or false", str: "a path"}
        expected = " or ".join(names[t] for t in types)
        raise AgentMisconfigured(f"{where}.{key} is {value!r}, expected {expected}")
    return value


def _size(params: dict[str, Any], where: str) -> int:
    value = params.get("max_response_bytes", MAX_RESPONSE_BYTES)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise AgentMisconfigured(
            f"{where}.max_response_bytes is {value!r}, expected a number of bytes above 0"
        )
    return value
