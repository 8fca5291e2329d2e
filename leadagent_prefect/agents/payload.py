"""JSON and text, to and from the wire.

What is strict about JSON here is what a later stage could not hold: NaN and infinity, numbers beyond a
float's range, more than `MAX_DEPTH` levels. Of a key that comes twice the last counts.
"""

from __future__ import annotations

import json
import math
import re
from email.message import Message
from typing import Any

from leadagent_prefect.errors import AgentMisconfigured, InvalidOutput

#: Levels of nesting; pydantic, which carries results on, ends at 255.
MAX_DEPTH = 200

_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def parse_json(text: str | bytes, what: str) -> Any:
    """The value of a JSON text; `InvalidOutput`, opened by ``what``, where it is none that we can keep.

    Lone surrogates become U+FFFD, in keys too.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode(json.detect_encoding(text))
        # Services that name their charset send a byte order mark all the same (RFC 8259 8.1: may be ignored).
        text = text.removeprefix("\ufeff")
        value = json.loads(text, parse_float=_finite, parse_constant=_refuse)
        _check_depth(value)
    except RecursionError:
        raise InvalidOutput(f"{what} is nested deeper than {MAX_DEPTH} levels") from None
    except ValueError as exc:
        raise InvalidOutput(f"{what} is not valid JSON: {exc}") from None
    return _mended(value) if _ESCAPED_SURROGATE.search(text) else value


def encode_json(value: Any, where: str) -> bytes:
    """Compact UTF-8; `AgentMisconfigured` where the value is not JSON data."""
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return text.encode("utf-8")
    except (TypeError, ValueError, RecursionError) as exc:
        raise AgentMisconfigured(f"{where} can't be sent as JSON: {exc}") from None


def content_of(body: bytes, content_type: str) -> Any:
    """The body of an answer: null where it is empty, JSON by content type, otherwise text.

    Without a content type it is JSON where it parses as such. Broken JSON under a JSON type is
    `InvalidOutput`; undecodable bytes of a text become U+FFFD.
    """
    if not body.strip():
        return None
    kind, charset = _media_type(content_type)
    if kind == "":
        try:
            return parse_json(body, "the answer")
        except InvalidOutput:
            return text_of(body, charset)
    if kind in ("application/json", "text/json") or kind.endswith("+json"):
        return parse_json(_decoded(body, charset) if charset else body, f"the answer ({kind})")
    return text_of(body, charset)


def text_of(body: bytes, charset: str = "") -> str:
    """The body as text, UTF-8 where no known charset is given."""
    try:
        return body.decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):
        return body.decode("utf-8", "replace")


def charset_of(content_type: str) -> str:
    """The charset a content type names, or an empty string."""
    return _media_type(content_type)[1]


def _media_type(content_type: str) -> tuple[str, str]:
    message = Message()
    message["content-type"] = content_type
    charset = message.get_param("charset", "")
    kind = message.get_content_type() if content_type.strip() else ""
    return kind, charset if isinstance(charset, str) else ""


def _decoded(body: bytes, charset: str) -> str | bytes:
    """The body's text; where that is not in its charset, the body itself, which is then taken for UTF-8."""
    try:
        return body.decode(charset)
    except (LookupError, ValueError):
        return body


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"{number[:20]} is beyond the range of a number")
    return value


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def _check_depth(value: Any) -> None:
    level, depth = [value], 0
    while level := [node for node in level if isinstance(node, (dict, list))]:
        depth += 1
        if depth > MAX_DEPTH:
            raise RecursionError
        level = [child for node in level for child in (node.values() if isinstance(node, dict) else node)]


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_mended(item) for item in value]
    if isinstance(value, dict):
        return {_mended(key): _mended(item) for key, item in value.items()}
    return value
