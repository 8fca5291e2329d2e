"""The body of a request: its bytes, no more than are allowed and in no more time, and the data in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import anyio
from fastapi import Request
from starlette.requests import ClientDisconnect

from leadagent_prefect.api.problems import Problem, of_diagnostics
from leadagent_prefect.source import Document, read_text

#: Seconds in which a body has to be there.
PATIENCE = 30.0
_KINDS: Mapping[str, Literal["json", "yaml"]] = {
    "application/json": "json",
    "application/yaml": "yaml",
    "application/x-yaml": "yaml",
    "text/yaml": "yaml",
    "text/x-yaml": "yaml",
}


async def body_of(request: Request, limit: int) -> bytes:
    """All of it, counted as it comes: what a header says of its length proves nothing. What it says of its
    type is enough not to take it at all.
    """
    kind_of(request.headers.get("content-type", ""))
    packed = request.headers.get("content-encoding", "identity").lower()
    if packed != "identity":
        raise Problem(415, "the body is packed: send it as it is")
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > limit:
        raise _too_large(limit)
    found = bytearray()
    try:
        with anyio.fail_after(PATIENCE):
            async for chunk in request.stream():
                found += chunk
                if len(found) > limit:
                    raise _too_large(limit)
    except ClientDisconnect:
        raise Problem(400, "the body was cut short") from None
    except TimeoutError:
        raise Problem(408, f"the body was not there within {PATIENCE:g} s") from None
    return bytes(found)


def kind_of(content_type: str) -> Literal["json", "yaml"]:
    """JSON or YAML, by content type. A page of another site can send neither unasked: all else is 415."""
    media, _, parameters = content_type.lower().partition(";")
    charset = parameters.partition("charset=")[2].strip().strip('"') or "utf-8"
    if media.strip() not in _KINDS or charset not in ("utf-8", "utf8", "us-ascii"):
        raise Problem(415, f"the content type is to be one of: {', '.join(_KINDS)}, in UTF-8")
    return _KINDS[media.strip()]


def read_document(body: bytes, content_type: str) -> Document:
    """The data of a body with its places. `Problem` 400 for what is not JSON or YAML in every detail."""
    kind = kind_of(content_type)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Problem(400, f"the body is not UTF-8: byte {error.start}") from None
    document = read_text(text, "workflow", kind)
    errors = [one for one in document.problems if one.severity == "error"]
    if errors or not isinstance(document.data, Mapping):
        raise of_diagnostics(400, errors) if errors else Problem(400, "the body is not a mapping")
    return document


def _too_large(limit: int) -> Problem:
    # What is left of the body is not read, so the connection can't be used again.
    return Problem(413, f"a body has at most {limit:,} bytes", headers={"Connection": "close"})
