"""Results of which nobody has said where they are to be: they lie below PREFECT_HOME, for their owner's eyes
alone. Prefect lets everybody read what it writes there.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from prefect._internal.compatibility.async_dispatch import async_dispatch
from prefect.filesystems import LocalFileSystem, WritableFileSystem
from prefect.settings import get_current_settings

from leadagent_prefect.embedded.home import write_whole


class PrivateFiles(LocalFileSystem):
    """Prefect's own, but that each file is 0600, and there as a whole or not at all."""

    _block_type_name = "leadagent private files"

    async def awrite_path(self, path: str, content: bytes) -> str:
        return await asyncio.to_thread(self._write, path, content)

    @async_dispatch(awrite_path)
    def write_path(self, path: str, content: bytes) -> str:  # type: ignore[override]  # as Prefect's own
        return self._write(path, content)

    def _write(self, path: str, content: bytes) -> str:
        place = self._resolve_path(path)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(place, content)
        return str(place)


def private(found: WritableFileSystem | None) -> WritableFileSystem | None:
    """``found``, or what keeps the same files private where it is Prefect's default."""
    folder = _folder()
    if type(found) is not LocalFileSystem or folder is None or found.basepath != str(folder):
        return found
    return PrivateFiles(basepath=found.basepath)


def keep_private() -> None:
    """The folder of results, which is made where it is missing, is closed to others."""
    folder = _folder()
    if folder is None:
        return
    with contextlib.suppress(OSError):  # it is another's, who has seen to it
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)


def _folder() -> Path | None:
    """That of results by default; None where somebody has said where they are to be."""
    settings = get_current_settings()
    folder = settings.results.local_storage_path
    return folder if folder == settings.home / "storage" else None
