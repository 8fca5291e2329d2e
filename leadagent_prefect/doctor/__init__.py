"""What is installed, which Prefect API is used, what is wrong and how to mend it. Imports no prefect."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from leadagent_prefect.doctor.finding import Finding
from leadagent_prefect.doctor.home import check_home
from leadagent_prefect.doctor.installed import check_node, check_observers, check_packages, check_python
from leadagent_prefect.doctor.prefect_api import check_api, check_client

__all__ = ["Finding", "examine"]


def examine() -> list[Finding]:
    """Every finding, in the order in which things depend on each other. Starts nothing."""
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (
        check_python,
        check_packages,
        check_observers,
        check_home,
        check_api,
        check_client,
        check_node,
    )
    return [finding for check in checks for finding in check()]
