"""The first lines of an emitted file: whence it comes, and whether it still is as it was written."""

from __future__ import annotations

import hashlib
import re
from typing import Literal

from leadagent_prefect.emit.docstring import comment

_CHECKSUM = re.compile(r"# Checksum of the rest: ([0-9a-f]{16})\b")
_LINES = 3

Owner = Literal["leadagent", "changed", "foreign"]


def with_heading(text: str, source: str) -> str:
    """``text`` below its heading; ``source`` names the workflow file."""
    lines = [
        comment(f"Compiled by leadagent from {source}: change that file, and compile it again."),
        f"# Checksum of the rest: {_checksum(text)}. Where they no longer fit, the file was changed by",
        "# hand: it is yours, and leadagent leaves it alone.",
    ]
    return "\n".join([*lines, text])


def owner(text: str) -> Owner:
    """Whose a file is: as leadagent wrote it, changed by somebody since, or none of ours."""
    lines = text.split("\n", _LINES)
    found = _CHECKSUM.match(lines[1]) if len(lines) > _LINES else None
    if found is None:
        return "foreign"
    return "leadagent" if found[1] == _checksum(lines[_LINES]) else "changed"


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
