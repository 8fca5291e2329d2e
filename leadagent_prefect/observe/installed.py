"""Observers that installed packages bring: the entry points of one group."""

from __future__ import annotations

import logging
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from leadagent_prefect.observe.dispatch import AnyObserver

_log = logging.getLogger(__name__)

GROUP = "leadagent_prefect.observers"


def installed_observers() -> list[AnyObserver]:
    """One of each, in the order of their names; a class is made anew by each call of this function.

    One that can't be loaded is a warning in the log: a package that is broken must not change a run.
    """
    found = (_load(entry) for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name))
    return [observer for observer in found if observer is not None]


def _load(entry: EntryPoint) -> Any:
    try:
        observer = entry.load()
        if isinstance(observer, type):
            observer = observer()
    except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever a foreign module does when imported
        why = f"it can't be loaded: {type(error).__name__}: {error}"
    else:
        if callable(observer) or callable(getattr(observer, "update", None)):
            return observer
        why = "it is neither callable nor has it a method update"
    owner = entry.dist.name if entry.dist else "an unknown package"
    _log.warning("observer %s = %s of %s is left out: %s", entry.name, entry.value, owner, why)
    return None
