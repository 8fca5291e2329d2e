"""Request headers: what may be in one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from leadagent_prefect.errors import AgentMisconfigured

#: Headers of one connection (RFC 9110 7.6.1), and those that tell where a message ends and for whom it is.
_FORBIDDEN = frozenset(
    {
        "connection",
        "content-length",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 5.6.2
_VALUE = re.compile(r"[\t\x20-\x7e]*")
_MAX_VALUE = 8192


def checked_headers(headers: object, where: str) -> dict[str, str]:
    """Headers by name in lower case. A value of null leaves a header out; numbers and booleans become text.

    Raises `AgentMisconfigured` for what could split or forge a message. Values are never in the message.
    """
    if headers is None:
        return {}
    if not isinstance(headers, Mapping):
        raise AgentMisconfigured(f"{where} must be a mapping of names to values, not {_kind(headers)}")
    return {
        checked_name(name, where): checked_value(value, f"{where}: {name!r}")
        for name, value in headers.items()
        if value is not None
    }


def checked_name(name: object, where: str) -> str:
    """The name in lower case, or `AgentMisconfigured` for what is no token or is the client's own."""
    if not isinstance(name, str) or not _TOKEN.fullmatch(name):
        raise AgentMisconfigured(f"{where}: {name!r} is no header name (letters, digits and !#$%&'*+.^_`|~-)")
    if name.lower() in _FORBIDDEN:
        raise AgentMisconfigured(f'{where}: "{name}" is set by the client itself and can\'t be given')
    return name.lower()


def checked_value(value: Any, where: str) -> str:
    """The value as text that one header can carry, or `AgentMisconfigured`."""
    if isinstance(value, bool):
        value = str(value).lower()
    if isinstance(value, (int, float)):
        value = str(value)
    if not isinstance(value, str):
        raise AgentMisconfigured(f"{where} must be text, not {_kind(value)}")
    if not _VALUE.fullmatch(value):
        what = "a line break or control character" if value.isascii() else "a character outside ASCII"
        raise AgentMisconfigured(f"{where} holds {what}, which a header can't carry")
    if len(value) > _MAX_VALUE:
        raise AgentMisconfigured(f"{where} has {len(value)} characters; a header takes {_MAX_VALUE}")
    return value.strip(" \t")


def _kind(value: object) -> str:
    return "null" if value is None else type(value).__name__
