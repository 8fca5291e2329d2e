"""How long the worker waits for runs to end, as the environment says."""

from __future__ import annotations

import math
import os

from leadagent_prefect.errors import ConfigurationError

DRAIN_VARIABLE, DRAIN_DEFAULT = "LEADAGENT_WORKER_DRAIN_SECONDS", 60.0
KILL_VARIABLE, KILL_DEFAULT = "LEADAGENT_WORKER_KILL_SECONDS", 30.0


def drain_seconds() -> float:
    """How long a worker that is told to stop lets its runs go on."""
    return _seconds(DRAIN_VARIABLE, DRAIN_DEFAULT)


def kill_seconds() -> float:
    """How long a run has to end once it is asked to (SIGTERM), before it is killed with its process group."""
    return _seconds(KILL_VARIABLE, KILL_DEFAULT)


def _seconds(variable: str, default: float) -> float:
    text = os.environ.get(variable) or str(default)
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise ConfigurationError(f"{variable} is {text!r}, which is no number of seconds")
    return seconds
