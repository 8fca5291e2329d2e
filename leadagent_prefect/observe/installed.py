"""Observers that installed packages bring: the entry points of one group."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from leadagent_prefect.observe.dispatch import AnyObserver

_log = logging.getLogger(__name__)

GROUP = "leadagent_prefect.observers"


def installed_observers() -> list[AnyObserver]:
    """One of each, in the order of their names; a class is made anew by each call of this function.

    One that can't be loaded is a warning in the log: a package that is broken must not change a run.
    """
    observers: list[AnyObserver] = []
    for named, observer, trouble in _found():
        if trouble is None:
            observers.append(observer)
        else:
            _log.warning("observer %s is left out: %s", named, trouble)
    return observers


def examine_observers() -> list[tuple[str, str | None]]:
    """Each by its entry point and package, with what is wrong with it, or None."""
    return [(named, trouble) for named, _, trouble in _found()]


def entries() -> tuple[EntryPoint, ...]:
    """By name. They are looked for once, as long as nothing is installed: a fork knows them already."""
    return _looked_for(entry_points, tuple(_places()))


@lru_cache(maxsize=2)
def _looked_for(find: Callable[..., Any], _: tuple[Any, ...]) -> tuple[EntryPoint, ...]:
    return tuple(sorted(find(group=GROUP), key=lambda entry: entry.name))


def _places() -> Iterator[tuple[str, int]]:
    """Where packages may be installed, and when that was last changed; not the empty folder of a run."""
    for path in map(Path, sys.path):
        try:
            if path.is_file() or any(path.iterdir()):
                yield str(path), path.stat().st_mtime_ns
        except OSError:
            continue


def _found() -> Iterator[tuple[str, Any, str | None]]:
    for entry in entries():
        owner = entry.dist.name if entry.dist else "an unknown package"
        yield (f"{entry.name} = {entry.value} of {owner}", *_load(entry))


def _load(entry: EntryPoint) -> tuple[Any, str | None]:
    try:
        observer = entry.load()
        if isinstance(observer, type):
            observer = observer()
    except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever a foreign module does when imported
        return None, f"it can't be loaded: {type(error).__name__}: {error}"
    if callable(observer) or callable(getattr(observer, "update", None)):
        return observer, None
    return None, "it is neither callable nor has it a method update"
