"""A test that hangs, or takes its process with it, fails once and by its name, and the others go on.

pytest-timeout raises once, which a task of a loop can swallow, and not at all while a failed test is torn
down. pytest-xdist runs what crashed a process again in the next one, and leaves that one without the second
test that it waits for before it begins the first: both end in a test run that never ends.
"""

from __future__ import annotations

import signal
from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest
from pytest_timeout import Settings
from xdist.scheduler import LoadGroupScheduling

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.workermanage import WorkerController

#: Seconds between one attempt to end a test that hangs and the next.
AGAIN = 30.0
#: Seconds that a test may take to clean up, once its own time is over or it has failed.
CLEANING = 120.0
_SETTINGS = pytest.StashKey[Settings]()


@pytest.hookimpl(wrapper=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: Settings) -> Generator[None, object, object]:
    result = yield
    item.stash[_SETTINGS] = settings
    if settings.method == "signal":
        signal.setitimer(signal.ITIMER_REAL, settings.timeout, AGAIN)
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    settings = item.stash.get(_SETTINGS, None)
    if settings is not None and not signal.getitimer(signal.ITIMER_REAL)[0]:
        item.config.hook.pytest_timeout_set_timer(item=item, settings=settings._replace(timeout=CLEANING))
    yield


class Groups(LoadGroupScheduling):
    """``--dist loadgroup`` that outlives the processes that run the tests."""

    def remove_node(self, node: WorkerController) -> str | None:
        """The test that ended its process, which is not run again; None where all that it had has passed."""
        units = self.assigned_work[node]
        left = [name for unit in units.values() for name, done in unit.items() if not done]
        for scope, unit in list(units.items()):
            if left and left[0] in unit:
                unit[left[0]] = True
            if all(unit.values()):
                del units[scope]
        super().remove_node(node)
        return left[0] if left else None

    def schedule(self) -> None:
        """After a crash as at the start: two units for each process, or word that no more come."""
        super().schedule()
        for node in self.nodes:
            self._reschedule(node)

    def _reschedule(self, node: WorkerController) -> None:
        if node in self.registered_collections:  # not while it still collects
            super()._reschedule(node)


@pytest.hookimpl(tryfirst=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadGroupScheduling | None:
    return Groups(config, log) if config.getoption("dist") == "loadgroup" else None
