"""The fenced blocks of a page of documentation, and how each kind is run.

``yaml`` validates without a warning, a part of a workflow after it was made whole. ``python`` runs, and a
``text`` block right behind it is what it prints. Of ``console`` every ``$ `` line is run, and what follows is
its output, ``...`` standing for anything. ``bash`` is commands alone. ``json`` parses. Words behind the
language: ``title="name"`` is the file's name for the blocks of the page, ``exit=1`` the status of the last
command, ``not-run="reason"`` says why a block is only shown.
"""

from __future__ import annotations

import doctest
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```[ ]*$", re.MULTILINE | re.DOTALL)
#: Commands of the pages that are not run here: the services run already, and `make` is tried by other tests.
SHOWN_ONLY = re.compile(
    r"^(make [a-z]+|python examples/servers\.py|git clone \S+|cd \S+|source \S+)( +#.*)?$"
)


@dataclass(frozen=True)
class Fence:
    """One block. ``line`` is that of its first line of text, counted from 1."""

    language: str
    options: dict[str, str]
    text: str
    line: int

    @property
    def title(self) -> str | None:
        return self.options.get("title")


def fences(markdown: str) -> list[Fence]:
    """Every fenced block of a page, in order."""
    found = []
    for match in FENCE.finditer(markdown):
        language, *words = shlex.split(match["info"]) or [""]
        options = {name: value for name, _, value in (word.partition("=") for word in words)}
        line = markdown.count("\n", 0, match.start("text")) + 1
        found.append(Fence(language, options, match["text"], line))
    return found


@dataclass(frozen=True)
class Command:
    """A command line and what it is shown to print."""

    line: str
    expected: str


def commands(fence: Fence) -> list[Command]:
    """Those of a ``console`` or ``bash`` block, without the ones that are only shown."""
    if fence.language == "bash":
        lines = fence.text.replace("\\\n", " ").splitlines()
        found = [Command(line.strip(), "...") for line in lines if line.strip() and line[0] != "#"]
    else:
        parts = re.split(r"^\$ ", fence.text, flags=re.MULTILINE)
        if parts[0].strip():
            raise ValueError(f"line {fence.line}: a console block begins with a command")
        found = [Command(line, rest) for line, _, rest in (part.partition("\n") for part in parts[1:])]
    return [command for command in found if not SHOWN_ONLY.match(command.line)]


def difference(expected: str, got: str) -> str | None:
    """Where ``got`` parts from ``expected``, or None. Blank lines do not count."""
    flags = doctest.ELLIPSIS | doctest.REPORT_NDIFF
    wanted, seen = (_without_blank_lines(text) for text in (expected, got))
    checker = doctest.OutputChecker()
    if checker.check_output(wanted, seen, flags):
        return None
    return checker.output_difference(doctest.Example("", wanted), seen, flags)


def _without_blank_lines(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines() if line.strip())


def makes(target: str, makefile: Path) -> bool:
    """Is this a target of the Makefile?"""
    return re.search(rf"^{re.escape(target)}:", makefile.read_text(), re.MULTILINE) is not None
