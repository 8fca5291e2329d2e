"""The key that Prefect encrypts the secret fields of blocks with.

Prefect keeps it in the database beside what it encrypts unless ``PREFECT_SERVER_ENCRYPTION_KEY`` is
set. A key that changes loses every secret block, so one that a database already uses is taken over.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import sqlite3
from pathlib import Path

from leadagent_prefect.embedded.home import ServerHome, read_private, write_private


def encryption_key(home: ServerHome) -> str:
    """The key on file; on the first start that of the database, or a new one."""
    kept = read_private(home.key_file)
    if kept is not None:
        return kept
    return write_private(home.key_file, key_in_database(home.database) or new_key())


def new_key() -> str:
    """A Fernet key."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def key_in_database(database: Path) -> str | None:
    """The key Prefect made for this SQLite file itself; None where it has made none."""
    if not database.exists():
        return None
    query = "SELECT value FROM configuration WHERE key = 'ENCRYPTION_KEY'"
    with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        try:
            row = connection.execute(query).fetchone()
        except sqlite3.DatabaseError:
            return None
    return str(json.loads(row[0])["fernet_key"]) if row else None
