"""The names of a workflow where others constrain them: Prefect's names, files, blocks and limits."""

from __future__ import annotations

import hashlib
import re
import unicodedata

_BANNED = str.maketrans(dict.fromkeys("/%&<>", "-"))
_SLUG_LENGTH = 48


def same_name(name: str) -> str:
    """What two names share that are one: their NFKC form."""
    return unicodedata.normalize("NFKC", name)


def prefect_name(name: str) -> str:
    """The name of a flow, task or deployment in Prefect, which bans ``/ % & < >``."""
    return name.translate(_BANNED)


def slug(name: str) -> str:
    """Lower case letters, digits and single dashes, for files, blocks and limits.

    Where that differs from the name, 8 hex digits of the name's SHA-256 follow, so that
    ``my_agent`` and ``my-agent`` stay two.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    short = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_SLUG_LENGTH].strip("-")
    if short == name:
        return short
    digest = hashlib.sha256(same_name(name).encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{short}-{digest}" if short else digest
