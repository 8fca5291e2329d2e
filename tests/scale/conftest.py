from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import Cluster, cluster
from history import History, recording_service


@pytest.fixture
def history() -> Iterator[History]:
    """What the service that the workflow calls has seen."""
    with recording_service() as found:
        yield found


@pytest.fixture
def two_servers(tmp_path: Path) -> Iterator[Cluster]:
    """Two Prefect servers, no worker yet. What is written to ``tmp_path`` is the users' project."""
    with cluster(tmp_path) as found:
        yield found
