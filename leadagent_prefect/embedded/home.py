"""The files of the embedded server: ``PREFECT_HOME/leadagent``, for their owner's eyes alone."""

from __future__ import annotations

import os
import secrets
import threading
from pathlib import Path

from leadagent_prefect.errors import PrefectUnavailable


class ServerHome:
    """The paths below one ``PREFECT_HOME``; creating one makes its folders (0700) where they are missing."""

    def __init__(self, prefect_home: Path) -> None:
        self.prefect_home = prefect_home
        self.folder = prefect_home / "leadagent"
        self.state_file = self.folder / "server.json"
        self.auth_file = self.folder / "auth"
        self.key_file = self.folder / "encryption-key"
        self.log_file = self.folder / "server.log"
        self.ui_folder = self.folder / "ui"
        self.database = prefect_home / "prefect.db"

    @classmethod
    def current(cls) -> ServerHome:
        """That of ``PREFECT_HOME``, by default ``~/.prefect``; `PrefectUnavailable` if it is another's."""
        home = cls(Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser().absolute())
        if os.path.lexists(home.folder) and not os.access(home.folder, os.R_OK | os.W_OK | os.X_OK):
            raise home._unusable("it belongs to somebody else")
        return home

    def create(self) -> None:
        """Raises `PrefectUnavailable` where the folders can't be made or written."""
        try:
            self.prefect_home.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.folder.mkdir(mode=0o700, exist_ok=True)
            self.folder.chmod(0o700)
        except OSError as error:
            raise self._unusable(str(error.strerror)) from error

    def _unusable(self, reason: str) -> PrefectUnavailable:
        return PrefectUnavailable(
            f"can't keep a Prefect server's files in {self.folder}: {reason}. "
            "Set PREFECT_HOME to a folder of your own, or PREFECT_API_URL to a running Prefect server"
        )

    def auth_string(self) -> str | None:
        """``user:password`` as the server takes it; None before its first start."""
        return read_private(self.auth_file)

    def make_auth_string(self) -> str:
        """The one on file, or a new one: it is kept over restarts, since a browser keeps it as well."""
        existing = self.auth_string()
        if existing is not None:
            return existing
        return write_private(self.auth_file, new_auth_string())


def new_auth_string() -> str:
    """``user:password``, hard to guess."""
    return f"leadagent:{secrets.token_urlsafe(32)}"


def read_private(path: Path) -> str | None:
    """The one line of a secret file, its bits put right; None where the file is missing or empty."""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)
    return text or None


def write_private(path: Path, text: str) -> str:
    """Writes all of ``text`` or nothing, 0600 from the first moment on, and returns it."""
    write_whole(path, f"{text}\n".encode(), outlasts_power=True)
    return text


def write_whole(path: Path, content: bytes, *, outlasts_power: bool = False) -> None:
    """Writes all of ``content`` or nothing, 0600 from the first moment on; OSError where that can't be."""
    draft = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if outlasts_power:
                os.fsync(descriptor)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
