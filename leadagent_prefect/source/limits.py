"""How much a document may hold, so that reading any takes about a second and 150 MB at most."""

from __future__ import annotations

MAX_BYTES = 2 * 1024 * 1024
MAX_DEPTH = 64
MAX_NODES = 250_000
MAX_PROBLEMS = 1_000
