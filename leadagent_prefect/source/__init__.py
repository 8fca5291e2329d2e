"""YAML, JSON or a dict -> Document: plain values, and a place for every key and value."""

from __future__ import annotations

from leadagent_prefect.source.document import Document, Path, digest
from leadagent_prefect.source.read import read_data, read_path, read_text

__all__ = ["Document", "Path", "digest", "read_data", "read_path", "read_text"]
