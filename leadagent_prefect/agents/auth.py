"""The request headers of an agent's ``authentication``: bearer, api_key, basic. For every built-in type."""

from __future__ import annotations

import base64

from leadagent_prefect.agents.headers import checked_name, checked_value
from leadagent_prefect.errors import AgentMisconfigured
from leadagent_prefect.models import AgentConfig, ApiKeyAuth, BearerAuth


def auth_headers(config: AgentConfig) -> dict[str, str]:
    """Headers by name in lower case; empty without ``authentication``.

    Raises `AgentMisconfigured` where a credential can't stand in a header (a secret read from a file often
    ends with a line break). The message names the place, never the value.
    """
    auth, where = config.authentication, f'agent "{config.name}": authentication'
    if auth is None:
        return {}
    if isinstance(auth, BearerAuth):
        token = checked_value(auth.token, f"{where}.token")
        if not token:
            raise AgentMisconfigured(f"{where}.token is empty")
        return {"authorization": f"Bearer {token}"}
    if isinstance(auth, ApiKeyAuth):
        return {checked_name(auth.header, f"{where}.header"): checked_value(auth.key, f"{where}.key")}
    return {"authorization": basic_credentials(auth.username, auth.password, f"{where}.username")}


def basic_credentials(username: str, password: str, where: str) -> str:
    """The value of ``Authorization`` for Basic, in UTF-8 (RFC 7617 2.1)."""
    if ":" in username:
        raise AgentMisconfigured(f"{where} may not hold a colon (RFC 7617)")
    pair = f"{username}:{password}".encode("utf-8", "surrogatepass")
    return "Basic " + base64.b64encode(pair).decode("ascii")
