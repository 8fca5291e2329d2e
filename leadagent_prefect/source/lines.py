"""A text by lines."""

from __future__ import annotations

import re
from bisect import bisect_right

_BREAK = re.compile(r"\r\n|\n|\r")


class Lines:
    """A text by lines; all problems of one line share one string, however long the line is."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0, *(match.end() for match in _BREAK.finditer(text))]
        self._shown: dict[int, str] = {}

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column, counted from 1."""
        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1

    def text_of(self, number: int) -> str:
        """A line without its line break."""
        if number not in self._shown:
            end = self.starts[number] if number < len(self.starts) else len(self.text)
            self._shown[number] = self.text[self.starts[number - 1] : end].rstrip("\r\n")
        return self._shown[number]
