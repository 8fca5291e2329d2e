"""A fresh clone of the project, deployed to a Prefect server of its own, with a warm worker beside it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from by_hand import ServerByHand, process, server_by_hand
from outside import environment, leadagent
from waiting import until

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
POOL = "leadagent"
CHROMIUM = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
#: Keeps Pixi's application when the page makes one: its picture is the graph of the run.
KEEP_DRAWING = "globalThis.__PIXI_APP_INIT__ = (app) => { (globalThis.drawings ??= []).push(app) }"

#: The texts in it.
DRAWN = """() => {
    const found = []
    const walk = (node) => {
        if (typeof node.text === "string" && node.visible) found.push(node.text)
        for (const child of node.children ?? []) walk(child)
    }
    for (const app of globalThis.drawings ?? []) if (app.stage) walk(app.stage)
    return found
}"""


@dataclass
class Deployed:
    """A server with the project's deployments, and what was printed when they were made."""

    server: ServerByHand
    project: Path
    printed: str

    def deployment(self, flow: str, name: str | None = None) -> Any:
        return self.server.get(f"/deployments/name/{quote(flow)}/{quote(name or flow)}")

    def start(self, flow: str, **parameters: Any) -> str:
        """A run of the deployment ``flow/flow``, by its id."""
        path = f"/deployments/{self.deployment(flow)['id']}/create_flow_run"
        return str(self.server.post(path, {"parameters": parameters})["id"])

    def ended(self, run_id: str) -> Any:
        """The run, once it has ended."""
        return until(
            lambda: self._if_ended(run_id), 120, lambda: f"the end of run {run_id}:\n{self.logs(run_id)}"
        )

    def runs(self, flow: str) -> list[Any]:
        """Those that have ended, oldest first."""
        asked = {
            "flows": {"name": {"any_": [flow]}},
            "flow_runs": {"end_time": {"is_null_": False}},
            "sort": "EXPECTED_START_TIME_ASC",
        }
        found: list[Any] = self.server.post("/flow_runs/filter", asked)
        return found

    def logs(self, run_id: str) -> str:
        asked = {"logs": {"flow_run_id": {"any_": [run_id]}}, "limit": 200}
        return "\n".join(log["message"] for log in self.server.post("/logs/filter", asked))

    def _if_ended(self, run_id: str) -> Any:
        run = self.server.get(f"/flow_runs/{run_id}")
        return run if run["state_type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") else None


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory, relocated: Callable[[str], str]) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("fresh")
    project = _clone(folder, relocated)
    with server_by_hand(folder) as server:
        env = environment(folder / "mine", PREFECT_API_URL=server.url)
        workflows = [path.name for path in project.glob("*.yaml") if path.name != "prefect.yaml"]
        compiled = leadagent("compile", *workflows, env=env, cwd=project)
        assert compiled.returncode == 0, compiled.stderr
        # The worker makes the work pool, without which Prefect deploys nothing.
        command = ["-m", "leadagent_prefect", "worker", "--pool", POOL]
        with process("worker", command, {**env, "OPENAI_API_KEY": "not-a-real-key"}, project):
            until(lambda: _workers(server), 60, lambda: "the worker")
            command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
            done = subprocess.run(
                command, env=env, cwd=project, capture_output=True, text=True, timeout=110, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr
            yield Deployed(server, project, done.stdout)


def _clone(folder: Path, relocated: Callable[[str], str]) -> Path:
    """What a user has after ``git clone``, with the workflow of this folder."""
    project = folder / "project"
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("flows", "examples"):
        shutil.copytree(ROOT / name, project / name, ignore=ignored)
    shutil.copy(ROOT / "prefect.yaml", project)
    for path in HERE.glob("*.yaml"):
        (project / path.name).write_text(relocated(path.read_text()))
    return project


def _workers(server: ServerByHand) -> Any:
    pools = server.post("/work_pools/filter", {"work_pools": {"name": {"any_": [POOL]}}})
    return pools and server.post(f"/work_pools/{POOL}/workers/filter", {})


@dataclass
class Window:
    """A page of a new browser, and what went wrong or left the machine while it was open."""

    page: Any
    errors: list[str] = field(default_factory=list)
    outside: set[str] = field(default_factory=set)

    def drawn(self, *names: str) -> set[str]:
        """Every text in the graph of the run, which is drawn on a canvas, once ``names`` are among them."""
        return until(
            lambda: self._drawn().issuperset(names) and self._drawn(), 60, lambda: f"{names} in the graph"
        )

    def _drawn(self) -> set[str]:
        return set(self.page.evaluate(DRAWN))


@pytest.fixture
def window(deployed: Deployed, tmp_path: Path) -> Iterator[Window]:
    """A page that may ask nobody but ``deployed.server``."""
    with _opened(tmp_path, f"{deployed.server.ui}/api/") as window:
        yield window


@pytest.fixture
def rest_window(rest: Any, tmp_path: Path) -> Iterator[Window]:
    """A page that may ask nobody but the REST API server."""
    with _opened(tmp_path, rest.url) as window:
        yield window


@contextmanager
def _opened(folder: Path, watched: str) -> Iterator[Window]:
    """Chromium without a head; errors are noted of answers from addresses that begin with ``watched``."""
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            folder / "browser",
            executable_path=executable,
            args=CHROMIUM,
            viewport={"width": 1400, "height": 1400},
        )
        context.set_default_timeout(120_000)
        context.add_init_script(KEEP_DRAWING)
        window = Window(context.pages[0])
        _listen(window, watched)
        yield window
        window.page.screenshot(path=folder / "last.png", full_page=True)
        context.close()


def _listen(window: Window, watched: str) -> None:
    """What the page asks of other machines is refused, and noted; so are errors of its own machine."""

    def ask(route: Any) -> None:
        if urlsplit(route.request.url).hostname == "127.0.0.1":
            route.continue_()
        else:
            window.outside.add(str(urlsplit(route.request.url).hostname))
            route.abort()

    def answered(response: Any) -> None:
        if response.status >= 400 and response.url.startswith(watched):
            window.errors.append(f"{response.status} {response.url}")

    window.page.route("**/*", ask)
    window.page.on("response", answered)
    window.page.on("pageerror", lambda error: window.errors.append(str(error)))
