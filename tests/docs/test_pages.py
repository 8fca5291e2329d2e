"""The docs never lie, because they run: every block of every page, by its kind (tests/plugins/fences.py)."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from fences import SHOWN_ONLY, Fence, commands, difference, fences, makes
from fragments import complete
from outside import uncounted

from leadagent_prefect.agents.registry import AgentFactory
from leadagent_prefect.diagnostics import render_text
from leadagent_prefect.loader import load
from leadagent_prefect.source import read_text

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").rglob("README.md"))
PAGES = [ROOT / "README.md", *EXAMPLES, *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = [(page, fence) for page in PAGES for fence in fences(page.read_text())]
WITHOUT_TEST = {"text", "mermaid"}


def of(*languages: str) -> pytest.MarkDecorator:
    """One test for each block in one of these languages."""
    chosen = [(p, f) for p, f in BLOCKS if f.language in languages and "not-run" not in f.options]
    names = [f"{page.relative_to(ROOT)}:{fence.line}" for page, fence in chosen]
    return pytest.mark.parametrize(("page", "fence"), chosen, ids=names)


@pytest.fixture
def desk(page, tmp_path, relocated, examples_here, services, prefect_api, monkeypatch):
    """A working folder with the page's files and the examples in it."""
    for fence in fences(page.read_text()):
        if fence.title:
            (tmp_path / fence.title).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / fence.title).write_text(relocated(fence.text))
    shutil.copytree(examples_here / "examples", tmp_path / "examples", dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "not-a-real-key")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{services.url}/v1")  # or the quickstart would leave loopback
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for agent_type in ("custom", "inventory"):
        AgentFactory.unregister_agent_type(agent_type)


def test_every_block_is_of_a_kind_that_is_tried():
    kinds = {"yaml", "python", "console", "bash", "json"} | WITHOUT_TEST
    strays = [(page.name, fence.line) for page, fence in BLOCKS if fence.language not in kinds]
    assert strays == []


def test_a_page_gives_each_file_once():
    for page in PAGES:
        titles = [fence.title for fence in fences(page.read_text()) if fence.title]
        assert sorted(titles) == sorted(set(titles)), page


@of("yaml")
def test_workflows_and_parts_of_them_are_valid(page, fence, relocated, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "not-a-real-key")
    if fence.options.get("diagnostics"):
        return  # the console block that checks this file shows what is wrong with it
    data = read_text(fence.text, f"{page.name}:{fence.line}", "yaml", ROOT).data
    parts = {
        other.title: other.text for other in fences(page.read_text()) if other.title and other is not fence
    }
    loaded = load(data if {"name", "tasks"} <= data.keys() else complete(data), parts=parts)
    assert render_text(loaded.warnings, color=False) == ""


@of("json")
def test_json_parses(page, fence):
    json.loads(fence.text)


@of("python")
def test_python_runs_and_prints_what_is_shown(page, fence, desk, relocated):
    printed = io.StringIO()
    with redirect_stdout(printed):
        code = compile(relocated(fence.text), f"{page.name}:{fence.line}", "exec")
        exec(code, {"__name__": "__main__"})  # noqa: S102 - the code is the documentation's
    shown = output_of(page, fence)
    if shown is not None:
        assert not (found := difference(relocated(shown.text), printed.getvalue())), found


def output_of(page: Path, fence: Fence) -> Fence | None:
    """The ``text`` block that follows ``fence`` with nothing but blank lines between."""
    everything = fences(page.read_text())
    behind = everything[everything.index(fence) + 1 :][:1]
    if not behind or behind[0].language != "text":
        return None
    end = fence.line + fence.text.count("\n")
    between = page.read_text().splitlines()[end : behind[0].line - 2]
    return behind[0] if not any(line.strip() for line in between) else None


@pytest.fixture
def at_home(page, relocated, request):
    """`relocated`, and where the REST API is shown its server as well."""
    if "localhost:8000" not in page.read_text():
        return relocated
    address = request.getfixturevalue("rest").url.removeprefix("http://")
    return lambda text: relocated(text).replace("localhost:8000", address)


@of("console", "bash")
def test_commands_do_what_is_shown(page, fence, desk, at_home):
    status = 0
    for command in commands(fence):
        done = subprocess.run(
            ["bash", "-c", at_home(command.line)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=uncounted(),
            text=True,
            check=False,
        )
        status = done.returncode
        assert not (found := difference(at_home(command.expected), done.stdout)), found
    assert status == int(fence.options.get("exit", 0))


@of("console", "bash")
def test_make_targets_that_are_shown_exist(page, fence):
    lines = [line.removeprefix("$ ") for line in fence.text.splitlines()]
    targets = [line.split()[1] for line in lines if SHOWN_ONLY.match(line) and line.startswith("make ")]
    assert [target for target in targets if not makes(target, ROOT / "Makefile")] == []
