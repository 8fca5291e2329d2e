"""Filters between data and its notations: JSON, URLs, base64."""

from __future__ import annotations

import json
import re
from typing import Any

from leadagent_prefect.templates.failures import EvalError
from leadagent_prefect.templates.filters.arguments import text, whole
from leadagent_prefect.templates.texts import compact, to_text
from leadagent_prefect.templates.values import fits, kind, weigh


def tojson(value: Any, indent: Any = None) -> str:
    """Compact JSON, or indented; nothing is escaped for HTML."""
    weigh(value)
    if indent is None:
        return compact(value)
    encoder = json.JSONEncoder(ensure_ascii=False, indent=whole(indent, 0, 8))
    # Indented text can be very much longer than its data: it is measured as it comes.
    pieces: list[str] = []
    size = 0
    for piece in encoder.iterencode(value):
        size += len(piece)
        fits(size)
        pieces.append(piece)
    return "".join(pieces)


def fromjson(value: Any) -> Any:
    """The data of a JSON text; NaN and infinity are refused, lone surrogates become U+FFFD."""
    try:
        return json.loads(_PAIRS.sub(_whole_pairs, text(value)), parse_constant=_refuse)
    except ValueError as error:
        raise EvalError(f"the text is not JSON: {getattr(error, 'msg', 'a number is too large')}") from None


_PAIRS = re.compile(
    r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(?P<lone>\\u[dD][89a-fA-F][0-9a-fA-F]{2})|(?P<raw>[\ud800-\udfff])"
)


def _whole_pairs(match: re.Match[str]) -> str:
    return "\ufffd" if match["lone"] or match["raw"] else match[0]


def _refuse(constant: str) -> Any:
    raise json.JSONDecodeError(f"{constant} is not allowed", constant, 0)


def urlencode(value: Any) -> str:
    """A string for a path (``/`` stays), or a mapping or a list of pairs as a query."""
    from urllib.parse import quote, quote_plus

    if not isinstance(value, (dict, list)):
        return quote(text(value), errors="replace")
    pairs = list(value.items()) if isinstance(value, dict) else value
    if not all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in pairs):
        raise EvalError(f"it takes a string, a mapping or a list of pairs, this is {kind(value)} of others")
    return "&".join(
        f"{quote_plus(to_text(key), errors='replace')}={quote_plus(to_text(item), errors='replace')}"
        for key, item in pairs
    )


def b64encode(value: Any) -> str:
    """The base64 of a text's UTF-8."""
    import base64

    return base64.b64encode(text(value).encode("utf-8", "replace")).decode("ascii")
