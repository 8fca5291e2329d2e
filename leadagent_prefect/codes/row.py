"""A row of the table of codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Code:
    """One kind of problem; ``explanation`` says why it is one and what to do."""

    code: str
    title: str
    explanation: str
    severity: Severity = "error"
