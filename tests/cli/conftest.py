"""The command line, in this process and in one of its own, in a working folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from leadagent_prefect.cli import main

ROOT = Path(__file__).resolve().parents[2]

AGENT = '''
import asyncio
from pathlib import Path
from leadagent_prefect import AgentResponse, BaseAgent

class Script(BaseAgent):
    """Does what its action says."""

    async def execute(self, action, parameters):
        if action == "wait":
            Path("started").touch()
            await asyncio.sleep(60)
        if action == "fail":
            error = parameters.get("error", "it broke")
            return AgentResponse(success=False, error=error, error_class="tool_error")
        if action == "raise":
            raise ValueError(parameters["error"])
        if action == "odd":
            return AgentResponse(success=True, result=object())
        return AgentResponse(success=True, result=parameters.get("give", parameters))
'''

WORKFLOW = """
name: scripted
inputs:
  topic: {type: string, default: solar}
  count: {type: integer, default: 1}
agents:
  - name: script
    type: custom
    custom_params: {class: "%s:Script"}
tasks:
  - name: first
    agent_name: script
    action: echo
    parameters: {topic: "{{ inputs.topic }}", count: "{{ inputs.count }}"}
  - name: second
    agent_name: script
    action: %s
    parameters: %s
    depends_on: [first]
"""


@dataclass
class Done:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder that is left as it was, with the environment and the path of modules."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)
    environment, path = dict(os.environ), list(sys.path)
    yield tmp_path
    for name in set(os.environ) - set(environment):
        del os.environ[name]
    os.environ.update(environment)
    sys.path[:] = path


@pytest.fixture
def leadagent(capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Runs a command in this process."""

    def run(*arguments: str | Path) -> Done:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Done(code, *capsys.readouterr())

    return run


@pytest.fixture
def spawn() -> Callable[..., subprocess.Popen[str]]:
    """Starts a command in a process of its own, with ``environment`` laid over this one's."""

    def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "leadagent_prefect", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        )

    return start


@pytest.fixture
def finished(spawn) -> Callable[..., Done]:
    """Runs a command in a process of its own, to its end."""

    def run(*arguments: str, stdin: str = "", **environment: str) -> Done:
        process = spawn(*arguments, **environment)
        out, err = process.communicate(stdin, timeout=110)
        return Done(process.returncode, out, err)

    return run


@pytest.fixture
def workflow(folder: Path, request: pytest.FixtureRequest) -> Callable[..., Path]:
    """Writes flow.yaml, with two tasks of a scripted agent beside it, whose second one does ``action``."""
    # A module of its own for each test: this process imports a module once.
    module = f"scripted_{abs(hash(request.node.nodeid))}"
    (folder / f"{module}.py").write_text(AGENT)

    def write(action: str = "echo", parameters: str = "{}", more: str = "", name: str = "flow.yaml") -> Path:
        path = folder / name
        path.write_text(WORKFLOW % (module, action, parameters) + more)
        return path

    return write


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server: Any = self.server
        status, body = server.answers.get(
            self.path, (200, {"path": self.path, "key": self.headers.get("X-Key")})
        )
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr."""


@pytest.fixture
def service() -> Iterator[Any]:
    """An HTTP server on loopback; ``answers`` are by path, ``url`` is where it is."""
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.answers, server.url = {}, f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
