"""Spawning the server process, so that it outlives the run that needed it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from leadagent_prefect.embedded.home import ServerHome
from leadagent_prefect.errors import PrefectUnavailable

#: The server outlives this run and serves others: it gets no agent's key to keep, and no debugging switch.
_INHERITED = ("PREFECT_", "LEADAGENT_", "COVERAGE_", "LC_", "SSL_")
_INHERITED_NAMES = frozenset(
    {"PATH", "HOME", "USER", "LANG", "TZ", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "DO_NOT_TRACK"}
    | {"PYTHONPATH", "PYTHONHOME", "PYTHONUTF8", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"}
    | {"MALLOC_ARENA_MAX"}
    | {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"}
)
#: Each connection to SQLite has a thread, and glibc gives each thread a place of its own for memory: of many
#: places more is kept that was freed, and the server grows with every run.
_ARENAS = "2"


class Launch:
    """A server process that is starting. Leaving the context lets go of it, without ending it.

    ``lock`` is the descriptor of the held lock; the process takes it over, and holds it until it ends.
    """

    def __init__(self, home: ServerHome, lock: int) -> None:
        self._home = home
        try:
            log = os.open(home.log_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "leadagent_prefect.embedded", "--locked"],
                    stdin=lock,
                    stdout=log,
                    stderr=log,
                    cwd=home.folder,
                    env=server_variables(home),
                    start_new_session=True,
                )
            finally:
                os.close(log)
        finally:
            os.close(lock)

    def check(self) -> None:
        """Raises `PrefectUnavailable` if the process has ended."""
        if self._process.poll() is not None:
            raise PrefectUnavailable(
                f"the Prefect server ended while it was starting (exit code {self._process.returncode}): "
                f"{_last_line(self._home.log_file)}\nIts log is {self._home.log_file}. "
                "`leadagent doctor` looks for the cause; PREFECT_API_URL makes leadagent use another server"
            )

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Launch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # It is meant to outlive this process, so its Popen must not warn that it still runs.
        self._process.returncode = self._process.returncode or 0


def server_variables(home: ServerHome) -> dict[str, str]:
    """The environment of the server process, which finds the same packages in another working folder."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _INHERITED_NAMES or name.startswith(_INHERITED)
    }
    package_root = str(Path(__file__).parents[2])
    entries = [str(Path(entry).absolute()) for entry in kept.get("PYTHONPATH", "").split(os.pathsep) if entry]
    if package_root not in entries:
        entries.append(package_root)
    own = {"PYTHONPATH": os.pathsep.join(entries), "PREFECT_HOME": str(home.prefect_home)}
    return {"MALLOC_ARENA_MAX": _ARENAS, **kept, **own}


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    return next((line.strip()[:500] for line in reversed(lines) if line.strip()), "it wrote no line")
