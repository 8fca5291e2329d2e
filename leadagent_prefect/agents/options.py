"""Options an agent knows: unknown ones are refused with the nearest known one, never ignored."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from leadagent_prefect.diagnostics.words import did_you_mean, quote
from leadagent_prefect.errors import AgentMisconfigured


def refuse_unknown(given: Iterable[str], known: Collection[str], where: str) -> None:
    """Raise `AgentMisconfigured` for the first key of ``given`` outside ``known``."""
    for key in given:
        if key not in known:
            hint = did_you_mean(str(key), known, "known")
            raise AgentMisconfigured(f"{where} has no {quote(str(key))}; {hint}")
