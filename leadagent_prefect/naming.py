"""Names as other systems want them: Prefect's display names, slugs for files, blocks and limits."""

from __future__ import annotations

import hashlib
import re
import unicodedata

#: Prefect bans these in names (`prefect.utilities.names`); each becomes "-".
_BANNED = str.maketrans(dict.fromkeys("/%&<>", "-"))


def prefect_name(name: str) -> str:
    """``name`` as Prefect takes it, still readable."""
    return name.translate(_BANNED)


def slug(name: str) -> str:
    """``[a-z0-9-]{1,64}``: the name itself where it is one already, otherwise with 8 hex digits of its digest."""
    folded = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    plain = re.sub(r"[^a-z0-9]+", "-", folded).strip("-")
    if plain == name and len(name) <= 64:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain[:55].strip('-')}-{digest}".lstrip("-")
