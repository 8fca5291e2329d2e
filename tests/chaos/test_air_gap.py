"""X11 of the experiments: from a fresh home on, nothing of it all connects to another machine.

tests/plugins/watch writes it down in every process: of the Prefect server, the REST API, the worker, the run.
The server of the other tests is watched as well, all but its Prefect.
"""

from __future__ import annotations

import subprocess
import sys

import pytest
from canaries import Canary, seen, watched
from chaos import WHOLE
from rest_servers import Rest, Service, server_process, settings_file, taken

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.skipif(not WHOLE, reason="a fresh database: in the whole form alone"),
]


def test_from_the_first_start_on_nobody_leaves_the_machine(tmp_path, rest_service: Service, proxy: Canary):
    config = settings_file(tmp_path, rest_service)
    fresh = {**watched(tmp_path, proxy), "PREFECT_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)}
    try:
        with server_process(tmp_path, "--port", "0", "--config", str(config), **fresh) as server:
            rest = Rest(server.url, rest_service)
            with rest.client() as client:
                run = taken(client, rest.workflow())
                assert rest.ended(client, run, 120)["status"] == "completed"
                assert [client.get(page).status_code for page in ("/docs", "/redoc")] == [200, 200]
    finally:
        command = [sys.executable, "-m", "leadagent_prefect", "server", "stop"]
        subprocess.run(command, env={**fresh, "PATH": "/usr/bin"}, cwd=tmp_path, check=True, timeout=60)
    rows = seen(tmp_path)
    assert [row for row in rows if row["what"] == "connect"] == []
    started = " ".join(row["detail"] for row in rows if row["what"] == "start")
    assert "leadagent_prefect.embedded" in started  # so it is watched
    assert "leadagent_prefect.api.attendant" in started
