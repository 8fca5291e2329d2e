"""``leadagent serve --reload``, for those who work on the server itself."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest
from chaos import WHOLE
from rest_servers import server_process

from leadagent_prefect.embedded import client_environment

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(not WHOLE, reason="three starts of a server: in the whole form alone"),
]


def workers(pid):
    names = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [name for name in names if b"spawn_main" in Path(f"/proc/{name}/cmdline").read_bytes()]


def test_a_server_starts_anew_when_the_code_changes(prefect_api, tmp_path):
    code = tmp_path / "code.py"
    code.write_text("a = 1\n")
    environment = client_environment(prefect_api)
    options = ("--port", "0", "--reload", "--no-worker")
    with server_process(tmp_path, *options, **environment) as running:
        first = workers(running.pid)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            code.write_text(f"a = {time.monotonic()}\n")
            time.sleep(0.5)
            now = workers(running.pid)
            if now and now != first:
                break
        assert now != first
        while time.monotonic() < until:
            try:
                answer = httpx.get(f"{running.url}/api/v1/health/live", trust_env=False, timeout=10)
                break
            except httpx.TransportError:
                time.sleep(0.2)
        assert answer.json() == {"status": "alive"}
        assert running.end() == 0
