"""One thing that was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """``found`` says what there is and, where it is not ok, why that matters; ``mend`` what to do then."""

    check: str
    status: Literal["ok", "warning", "error"]
    found: str
    mend: str | None = None
