"""API keys: named, with scopes; of each only a hash is kept, in a file for its owner's eyes alone."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from leadagent_prefect.embedded.home import read_private, write_private
from leadagent_prefect.errors import ConfigurationError

SCOPES = ("read", "submit", "cancel", "admin")
_FORM = re.compile(rb"la_([0-9a-f]{8})_([A-Za-z0-9_-]{43})")
#: What the key of nobody is compared with, so that an unknown one takes as long as a wrong one.
_NOBODY = hashlib.sha256(b"nobody").hexdigest()


@dataclass(frozen=True)
class ApiKey:
    """A key as it is kept. ``id`` is a part of the key itself, and names the owner of its runs."""

    id: str
    name: str
    scopes: tuple[str, ...]
    digest: str
    created_at: str

    def allows(self, scope: str) -> bool:
        return scope in self.scopes or "admin" in self.scopes


class KeyFile:
    """The keys of a file. It is read anew when it has changed, so a key is revoked at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._keys: dict[str, ApiKey] = {}

    @property
    def exists(self) -> bool:
        """Once there was a key, one is asked for: revoking the last one lets nobody in."""
        return self._path.exists()

    def all(self) -> list[ApiKey]:
        return list(self._read().values())

    def find(self, token: bytes) -> ApiKey | None:
        """The key that ``token`` is; the hash is computed and compared for every token alike."""
        match = _FORM.fullmatch(token)
        found = self._read().get(match[1].decode()) if match else None
        digest = hashlib.sha256(token).hexdigest()
        same = hmac.compare_digest(digest.encode(), (found.digest if found else _NOBODY).encode())
        return found if same else None

    def create(self, name: str, scopes: Iterable[str]) -> tuple[ApiKey, str]:
        """A new key, and the text of it, which is told once and never kept."""
        wanted = tuple(scope for scope in SCOPES if scope in set(scopes))
        if any(key.name == name for key in self.all()):
            raise ConfigurationError(f"there is a key named {name!r} already: revoke it or take another name")
        number = secrets.token_hex(4)
        text = f"la_{number}_{secrets.token_urlsafe(32)}"
        digest = hashlib.sha256(text.encode()).hexdigest()
        at = datetime.now(timezone.utc).isoformat(timespec="seconds")
        key = ApiKey(number, name, wanted, digest, at)
        self._write([*self.all(), key])
        return key, text

    def revoke(self, name: str) -> None:
        """Takes out the key of that name, or with that id."""
        kept = [key for key in self.all() if name not in (key.name, key.id)]
        if len(kept) == len(self.all()):
            raise ConfigurationError(f"there is no key named {name!r}: see `leadagent keys list`")
        self._write(kept)

    def _read(self) -> dict[str, ApiKey]:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._seen, self._keys = None, {}
            return self._keys
        seen = (found.st_mtime_ns, found.st_ino)
        if seen != self._seen:
            self._keys = {key.id: key for key in _keys(read_private(self._path) or "[]", self._path)}
            self._seen = seen
        return self._keys

    def _write(self, keys: Iterable[ApiKey]) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self._path, json.dumps([asdict(key) for key in keys], indent=2))


def _keys(text: str, path: Path) -> list[ApiKey]:
    try:
        rows: list[dict[str, Any]] = json.loads(text)
        return [ApiKey(**{**row, "scopes": tuple(row["scopes"])}) for row in rows]
    except (ValueError, TypeError, KeyError):
        raise ConfigurationError(
            f"{path} is no file of API keys: `leadagent keys create` makes one"
        ) from None
