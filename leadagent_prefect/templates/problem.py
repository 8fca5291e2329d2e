"""What is wrong with a template, found without evaluating it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TemplateProblem:
    """``code`` is a diagnostic's; ``offset`` and ``length`` count characters of the string."""

    code: str
    message: str
    offset: int
    length: int
    hint: str | None = None


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    import difflib

    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)), None)


def did_you_mean(word: str, known: Iterable[str], *, kinds: str) -> str:
    """A hint: the nearest known word, and the sorted list of all."""
    names = sorted(known)
    best = nearest(word, names)
    return (f'did you mean "{best}"? ' if best else "") + f"{kinds}: {', '.join(names)}"
