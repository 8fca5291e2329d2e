"""The folder in which Prefect and leadagent keep what they know."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from leadagent_prefect.doctor.finding import Finding
from leadagent_prefect.embedded.home import ServerHome
from leadagent_prefect.errors import PrefectUnavailable


def check_home() -> Iterator[Finding]:
    try:
        found = ServerHome.current()
    except PrefectUnavailable as error:
        yield Finding("PREFECT_HOME", "error", str(error))
        return
    folder = found.prefect_home
    if not folder.exists():
        yield Finding("PREFECT_HOME", "ok", f"{folder} does not exist yet; the first run makes it")
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        yield Finding(
            "PREFECT_HOME", "error", f"{folder} can't be written", "set PREFECT_HOME to a folder of your own"
        )
        return
    exposed = [
        path
        for path in (found.database, found.prefect_home / "storage", found.folder)
        if _seen_by_others(path)
    ]
    if _seen_by_others(folder) and exposed:
        paths = " ".join(str(path) for path in exposed)
        yield Finding("PREFECT_HOME", "warning", f"others can read {paths}", f"chmod 700 {folder}")
    else:
        yield Finding("PREFECT_HOME", "ok", str(folder))


def _seen_by_others(path: Path) -> bool:
    return path.exists() and bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
