"""Options an agent knows: unknown ones are refused with the nearest known one, never ignored."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

from leadagent_prefect.errors import AgentMisconfigured


def refuse_unknown(given: Iterable[str], known: Collection[str], where: str) -> None:
    """Raise `AgentMisconfigured` for the first key of ``given`` outside ``known``."""
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f' Did you mean "{near[0]}"?' if near else ""
            raise AgentMisconfigured(f'{where} has no "{key}".{hint} Known: {", ".join(sorted(known))}')
