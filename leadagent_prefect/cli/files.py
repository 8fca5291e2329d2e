"""Writing files for the user: never over another one unasked, whole or not at all."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from leadagent_prefect.errors import ConfigurationError


def write_output(text: str, target: str | None, *, force: bool = False) -> None:
    """``text`` to standard output, or to the file ``target``; `ConfigurationError` where that exists.

    A symbolic link in the file's place is replaced, never followed.
    """
    if target is None or target == "-":
        sys.stdout.write(text)
        return
    path = Path(target)
    if not path.name:
        raise ConfigurationError(f'"{target}" is no name of a file')
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(draft, flags, 0o666), "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    try:
        _put(draft, path, force)
    finally:
        draft.unlink(missing_ok=True)


def _put(draft: Path, path: Path, force: bool) -> None:
    if not force:
        try:
            path.touch(exist_ok=False)  # claims the name: who comes second fails
        except FileExistsError:
            raise ConfigurationError(f"{path} exists: say --force to replace it") from None
    draft.replace(path)
