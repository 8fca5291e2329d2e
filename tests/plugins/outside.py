"""The product from outside: processes as a person starts them."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

#: What a child of the tests needs to find its interpreter's tools, and to have its coverage counted.
_KEPT = ("PATH", "PYTHONPATH", "COVERAGE", "LANG", "LC_")


def uncounted(env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """``env`` for a process whose lines other tests count: counting takes as long again as the process."""
    return {name: value for name, value in env.items() if not name.startswith("COVERAGE")}


def environment(home: Path, **more: str) -> dict[str, str]:
    """That of a person who has just logged in, with a PREFECT_HOME of the test's own."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(_KEPT)}
    return {**kept, "HOME": str(home.parent), "PREFECT_HOME": str(home), "DO_NOT_TRACK": "1", **more}


def leadagent(*arguments: str, env: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Runs the command line to its end."""
    command = [sys.executable, "-m", "leadagent_prefect", *arguments]
    return subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, timeout=110, check=False)


def basic(text: str) -> str:
    """Base64, as HTTP's Basic authentication has it, without the padding."""
    return base64.b64encode(text.encode()).decode().rstrip("=")
