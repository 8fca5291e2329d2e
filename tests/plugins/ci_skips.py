"""In CI a test that lacks what it needs fails: a skip there would hide a missing install step.

It concerns skips whose reason begins with ``needs `` ("needs npm", "needs a Redis server"), of a test or
of a whole module, where the environment variable ``CI`` is ``true``.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest


def _lack(report: pytest.TestReport | pytest.CollectReport) -> str | None:
    """What a skipped report says it needs; None for any other report."""
    if not report.skipped or hasattr(report, "wasxfail") or not isinstance(report.longrepr, tuple):
        return None
    reason = report.longrepr[2].removeprefix("Skipped: ")
    return reason if reason.startswith("needs ") and os.environ.get("CI") == "true" else None


def _fail(report: pytest.TestReport | pytest.CollectReport) -> None:
    lack = _lack(report)
    if lack is not None:
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where every test must run: {lack}. Let .ci/run install it."


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _fail(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _fail(report)
    return report
