"""Words that every message uses: names in quotes, lists of names, the nearest name."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache

_LISTED = 12
_COMPARED = 20
_CUT = 80


def visible(char: str) -> str:
    """The character, or its escape where it is a control, format, surrogate or line-separating one.

    A terminal escape or a bidirectional override in a file must not reach the reader's terminal.
    """
    if unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def printable(text: str) -> str:
    """The text with every unprintable character escaped."""
    return text if text.isascii() and text.isprintable() else "".join(map(visible, text))


def quote(text: str) -> str:
    """The text in double quotes, harmless to show and cut to a readable length."""
    cut = text if len(text) <= _CUT else text[: _CUT - 1] + "…"
    return '"' + printable(cut).replace('"', '\\"') + '"'


def listing(names: Iterable[str]) -> str:
    """``"a", "b" and 3 more``: sorted, at most twelve."""
    return _listed(sorted(set(names)))


def did_you_mean(name: str, candidates: Iterable[str], label: str = "defined") -> str:
    """The hint of an unknown name: ``did you mean "x"? defined: "a", "b"``, the other names behind it."""
    index = _Index.of(tuple(candidates))
    if not index.names:
        return f"{label}: none"
    near = index.nearest(name)
    if near is None:
        return f"{label}: {_listed(index.names)}"
    others = [known for known in index.names if known != near] or [near]
    return f"did you mean {quote(near)}? {label}: {_listed(others)}"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(quote, names[:_LISTED]))
    return f"{shown} and {len(names) - _LISTED} more" if len(names) > _LISTED else shown


class _Index:
    """Names by their first and last two letters.

    A file may hold thousands of unknown names against thousands of known ones; comparing each with each
    would take minutes, so only names that begin or end alike are compared, and few of them.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.buckets: Mapping[str, list[str]] = defaultdict(list)
        for name in names:
            for bucket in self._ends(name):
                self.buckets[bucket].append(name)

    @staticmethod
    @lru_cache(maxsize=16)
    def of(candidates: tuple[str, ...]) -> _Index:
        return _Index(sorted(set(candidates)))

    @staticmethod
    def _ends(name: str) -> tuple[str, str]:
        folded = name.casefold()
        return "^" + folded[:2], folded[-2:] + "$"

    def nearest(self, name: str) -> str | None:
        if len(self.names) <= _COMPARED:
            rivals: Iterable[str] = self.names
        else:
            alike = {n for bucket in self._ends(name) for n in self.buckets.get(bucket, ())}
            rivals = sorted(alike, key=lambda n: (abs(len(n) - len(name)), n))[:_COMPARED]
        folded = {rival.casefold()[:_CUT]: rival for rival in rivals}
        begun = [rival for rival in folded if len(name) > 2 and rival.startswith(name.casefold())]
        if len(begun) == 1:
            return folded[begun[0]]
        match = get_close_matches(name.casefold()[:_CUT], folded, n=1, cutoff=0.6)
        return folded[match[0]] if match else None
