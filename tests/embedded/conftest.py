from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from outside import uncounted

from leadagent_prefect.embedded import PrefectApi, stop
from leadagent_prefect.embedded.home import ServerHome

T = TypeVar("T")


@pytest.fixture
def home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[ServerHome]:
    """A PREFECT_HOME that does not exist yet, and a working folder that configures nothing.

    Lines of the servers that are started are counted only for tests that are marked ``counted``.
    """
    if request.node.get_closest_marker("counted") is None:
        for name in os.environ.keys() - uncounted().keys():
            monkeypatch.delenv(name)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    yield ServerHome.current()
    stop()


class Client:
    """What a person does with curl."""

    def __init__(self, api: PrefectApi) -> None:
        self.api = api

    def status(self, path: str, *, auth: str | None = None, method: str = "GET", **headers: str) -> int:
        if auth is not None:
            headers["Authorization"] = "Basic " + base64.b64encode(auth.encode()).decode()
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.api.ui_url + path, method=method, headers=names)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    def post(self, path: str, body: Any = None) -> Any:
        token = base64.b64encode((self.api.auth_string or "").encode()).decode()
        headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
        data = json.dumps(body or {}).encode()
        request = urllib.request.Request(self.api.url + path, data=data, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)

    def names(self, path: str, **filters: Any) -> list[str]:
        return sorted(found["name"] for found in self.post(path, filters))


def python(code: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def output(*processes: subprocess.Popen[str]) -> list[str]:
    """What each printed, when all have ended well."""
    texts = [process.communicate(timeout=110) for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), texts
    return [out.strip() for out, _ in texts]
