"""Ten runs that start at the same moment on a fresh home share the one server that the first one starts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from outside import environment, leadagent, uncounted

WORKFLOW = """
name: one of ten
agents:
  - {name: api, type: http_api, endpoint: "URL"}
tasks:
  - {name: a, agent_name: api, action: GET, parameters: {endpoint: /a}}
  - {name: b, agent_name: api, action: GET, parameters: {endpoint: /b}, depends_on: [a]}
"""


@pytest.mark.long
@pytest.mark.timeout(240)
def test_ten_runs_at_once_on_a_fresh_home_all_complete(leaky_service: str, tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(WORKFLOW.replace("URL", leaky_service))
    home = tmp_path / "home"
    env = uncounted(environment(home, LEADAGENT_SERVER_IDLE_SECONDS="600"))
    command = [sys.executable, "-m", "leadagent_prefect", "run", "flow.yaml", "--json"]
    started = [
        subprocess.Popen(
            command, env=env, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(10)
    ]
    try:
        ended = [process.communicate(timeout=220) for process in started]
        assert [process.returncode for process in started] == [0] * 10, ended
        results = [json.loads(stdout) for stdout, _ in ended]
        assert [result["status"] for result in results] == ["completed"] * 10
        assert len({result["flow_run_id"] for result in results}) == 10
        assert sum("Starting a Prefect server" in stderr for _, stderr in ended) == 1
        addresses = {line for _, stderr in ended for line in stderr.splitlines() if "is ready after" in line}
        assert len({line.rpartition(" ")[2] for line in addresses}) == 1
    finally:
        leadagent("server", "stop", env=env, cwd=tmp_path)
