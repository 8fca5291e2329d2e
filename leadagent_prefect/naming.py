"""Names where others constrain them: a workflow's in Prefect, of files, blocks and limits; those of HTTP."""

from __future__ import annotations

import builtins
import hashlib
import keyword
import re
import unicodedata
from http import HTTPStatus
from typing import Final

#: The tag of all runs and deployments of workflows in Prefect, whose API can look for tags, not for labels.
TAG = "leadagent"
#: What the tag begins with by which a run of the REST API says whose it is.
OWNER_TAG = "leadagent:owner:"

#: Those that Python 3.13 calls otherwise than the versions before it: what we say is to depend on neither.
_PHRASES: Final = {
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    416: "Requested Range Not Satisfiable",
    422: "Unprocessable Entity",
}
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


def file_stem(name: str) -> str:
    """The name of a compiled flow's file, without ``.py``: the workflow's own where it is fit for one."""
    return name if re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", name) else slug(name)


def identifier(name: str) -> str:
    """A Python name that reads like ``name``: ASCII, lower case, neither a keyword nor a builtin."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:_SLUG_LENGTH].strip("_")
    if not words or words[0].isdigit():
        words = f"n_{words}".rstrip("_")
    reserved = keyword.iskeyword(words) or keyword.issoftkeyword(words) or hasattr(builtins, words)
    return f"{words}_" if reserved else words


def http_phrase(status: int) -> str:
    """``Not Found`` for 404; empty for a status that has no name."""
    try:
        return _PHRASES.get(status) or HTTPStatus(status).phrase
    except ValueError:
        return ""
