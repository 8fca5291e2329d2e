"""Regular expressions by RE2, whose time is linear in the text.

Its classes are ASCII: ``\\w`` is [0-9A-Za-z_].
"""

from __future__ import annotations

import re
import time
from functools import lru_cache
from typing import Any

from leadagent_prefect.templates.failures import EvalError
from leadagent_prefect.templates.filters.arguments import text, whole
from leadagent_prefect.templates.values import fits, kind

#: One match is linear, the matches of a text all together are not.
SECONDS = 10.0
_LONGEST = 1_000
_GROUP = re.compile(r"\\(?:(\d{1,2})|g<(\w+)>|(\\))")


@lru_cache(maxsize=128)
def compiled(pattern: str) -> Any:
    """The compiled pattern. Raises `EvalError`."""
    import re2

    if len(pattern) > _LONGEST:
        raise EvalError(f"a regular expression has at most {_LONGEST} characters")
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(_sound(pattern), options)
    except re2.error as error:
        reason = error.args[0]
        reason = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise EvalError(f"not a regular expression (RE2): {reason}") from None


def _sound(source: str) -> str:
    return source if source.isascii() else source.encode("utf-8", "replace").decode("utf-8")


def regex_search(value: Any, pattern: Any, group: Any = 0) -> str | None:
    """The first match, or one group of it by number or name; null where there is none."""
    expression = compiled(text(pattern))
    wanted = _group(expression, group)
    found = expression.search(_sound(text(value)))
    return None if found is None else found.group(wanted)


def _group(expression: Any, group: Any) -> int:
    if isinstance(group, str) and group in expression.groupindex:
        return int(expression.groupindex[group])
    if isinstance(group, int) and not isinstance(group, bool) and 0 <= group <= expression.groups:
        return group
    found = group if isinstance(group, (str, int)) else kind(group)
    raise EvalError(f"the expression has no group {found!s:.40}")


def regex_replace(value: Any, pattern: Any, replacement: Any, count: Any = 0) -> str:
    """``count`` matches (0 for all) replaced; ``\\1`` and ``\\g<name>`` are groups."""
    expression, source = compiled(text(pattern)), _sound(text(value))
    pieces = _pieces(expression, text(replacement))
    most, deadline = whole(count, 0, 2**31), time.monotonic() + SECONDS
    built: list[str] = []
    end = size = 0
    for number, found in enumerate(expression.finditer(source), 1):
        part = source[end : found.start()] + "".join(
            piece if isinstance(piece, str) else found.group(piece) or "" for piece in pieces
        )
        built.append(part)
        size, end = size + len(part), found.end()
        fits(size)
        if number == most:
            break
        if time.monotonic() > deadline:
            raise EvalError(f"the regular expression took more than {SECONDS:g} s")
    built.append(source[end:])
    return "".join(built)


def _pieces(expression: Any, replacement: str) -> list[str | int]:
    pieces: list[str | int] = []
    end = 0
    for found in _GROUP.finditer(replacement):
        pieces.append(replacement[end : found.start()])
        end = found.end()
        number, name, backslash = found.groups()
        pieces.append(backslash or _group(expression, int(number) if number else _numbered(name)))
    return [*pieces, replacement[end:]]


def _numbered(name: str) -> str | int:
    return int(name) if name.isdecimal() else name
