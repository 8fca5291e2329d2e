"""What compiling changes on disk: looked at as a whole before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from leadagent_prefect.cli.compiling import Compiled
from leadagent_prefect.cli.files import write_output
from leadagent_prefect.emit import owner
from leadagent_prefect.errors import ConfigurationError


@dataclass(frozen=True)
class Change:
    """A file as it is to be; ``old`` is what it is now, None where it is missing."""

    path: Path
    text: str
    old: str | None

    @property
    def is_due(self) -> bool:
        return self.old != self.text

    @property
    def stale(self) -> str:
        """Why it is due, in words."""
        if self.old is None:
            return "it is missing"
        return "it was changed by hand" if owner(self.old) == "changed" else "it is stale"

    def write(self) -> str:
        """Puts the file into its place, where anything is different; gives what was done, in a word."""
        if not self.is_due:
            return "unchanged"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_output(self.text, str(self.path), force=True)
        return "written" if self.old is None else "written anew"


def flow_changes(compiled: Sequence[Compiled], *, force: bool) -> list[Change]:
    """Those of flow files; unless ``force``, `ConfigurationError` names those that are somebody's own."""
    found = [Change(one.path, one.text, _read(one.path)) for one in compiled]
    refused = [] if force else [_refusal(change) for change in found if _is_anothers(change)]
    if refused:
        raise ConfigurationError("\n".join([*refused, "--force replaces them; nothing was written"]))
    return found


def _is_anothers(change: Change) -> bool:
    return change.is_due and change.old is not None and owner(change.old) != "leadagent"


def _refusal(change: Change) -> str:
    if owner(change.old or "") == "changed":
        return f"{change.path} was changed by hand since leadagent wrote it"
    return f"{change.path} was not written by leadagent"


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return None
