"""Which server lives, told by a lock and not by a file that may be stale.

A server holds an exclusive lock on ``server.json`` from before its first line of code to its last
breath; the kernel drops it on ``kill -9`` and on a reboot alike. The text of the file says where the
holder is, and counts only while the lock is held and the server found there names the same instance.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class ServerRecord:
    """``instance`` is random for each start. ``birth`` tells the process from a later one with its pid."""

    pid: int
    birth: str
    port: int
    instance: str
    started_at: str
    version: str

    @classmethod
    def read(cls, path: Path) -> ServerRecord | None:
        """What the last server wrote; None where there is none, or it is being written just now."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def write(self, descriptor: int) -> None:
        """Through the lock's own descriptor: a file put in its place would not be locked."""
        data = json.dumps(asdict(self)).encode()
        os.pwrite(descriptor, data, 0)
        os.ftruncate(descriptor, len(data))

    @property
    def is_alive(self) -> bool:
        return process_birth(self.pid) == self.birth


def process_birth(pid: int) -> str:
    """Boot and start time of a process where the system tells (Linux), otherwise an empty text; so too of one
    that has ended and that nobody has reaped.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2]
    except OSError:
        return ""
    fields = after_name.split()
    return f"{boot}:{fields[19]}" if fields[0] not in "ZX" else ""


def try_lock(path: Path) -> int | None:
    """A descriptor that holds the lock; None while a server lives. Close it to let go."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def is_locked(path: Path) -> bool:
    """Whether a server lives, starting and stopping ones counted."""
    if not path.exists():
        return False
    descriptor = try_lock(path)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def is_same_file(path: Path, descriptor: int) -> bool:
    """False once somebody has deleted or replaced the file: then its lock guards nothing."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
