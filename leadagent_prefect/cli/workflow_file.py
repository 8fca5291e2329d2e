"""Workflow files as every command reads them: ``-`` is standard input, warnings go to stderr."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leadagent_prefect.loader import Loaded
    from leadagent_prefect.plan import Plan
    from leadagent_prefect.source import Document


def read_document(path: str) -> Document:
    """The document of a file, or of standard input."""
    from leadagent_prefect.source import read_path, read_text

    if path != "-":
        return read_path(path)
    text = sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
    return read_text(text, "<stdin>", "json" if text.lstrip().startswith("{") else "yaml", Path.cwd())


def load_workflow(path: str, *, quiet: bool = False) -> Loaded:
    """The workflow of a file; its warnings are shown unless ``quiet``. Raises `ConfigurationError`."""
    from leadagent_prefect.cli.failures import coloured
    from leadagent_prefect.diagnostics import render_text
    from leadagent_prefect.loader import load

    loaded = load(Path(path))
    if loaded.warnings and not quiet:
        sys.stderr.write(render_text(loaded.warnings, color=coloured()))
    return loaded


def load_plan(path: str) -> Plan:
    """The plan of a file. Raises `ConfigurationError`."""
    from leadagent_prefect.plan import plan_of

    return plan_of(load_workflow(path))
