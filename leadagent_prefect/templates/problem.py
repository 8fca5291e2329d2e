"""What is wrong with a template, found without evaluating it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TemplateProblem:
    """``code`` is a diagnostic's; ``offset`` and ``length`` count characters of the string."""

    code: str
    message: str
    offset: int
    length: int
    hint: str | None = None
