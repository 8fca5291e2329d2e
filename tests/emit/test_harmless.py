"""Nothing of a workflow becomes code: its words are literals, its names are ours."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leadagent_prefect.emit import emitted
from leadagent_prefect.errors import ConfigurationError
from leadagent_prefect.loader import load

#: What an emitted file is made of, and nothing else: no attribute but these, no call but of these.
NODES = (
    *(ast.Module, ast.Assign, ast.AsyncFunctionDef, ast.Expr, ast.ImportFrom, ast.alias, ast.arguments),
    *(ast.arg, ast.Return, ast.Await, ast.Call, ast.keyword, ast.Constant, ast.List, ast.Dict, ast.Name),
    *(ast.Attribute, ast.Subscript, ast.Tuple, ast.BinOp, ast.Div, ast.UnaryOp, ast.USub, ast.Load),
    ast.Store,
)
ATTRIBUTES = {"name", "parent"}
CALLED = {"AgentConfig", "TaskConfig", "RepeatConfig", "InputConfig", "Workflow", "WithJsonSchema", "flow"}
MODULES = {
    "pathlib",
    "typing",
    "prefect",
    "pydantic",
    "leadagent_prefect.models",
    "leadagent_prefect.engine.compiled",
}

FLOWS = Path("flows")
WORDS = [
    *('"""', "'''", '"', "\\", "\n", "{x!r}", "%s", "#", "\u202e", "é", "\u2028", "class", "lambda: 0"),
    *("__import__('os').system('touch pwned')", "); import os #", "f'{1}'", " ", "a"),
]
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map("".join)
#: Names and what is not a template have no control characters and no braces.
NAMES = st.lists(
    st.sampled_from([word for word in WORDS if word.isprintable() and "{{" not in word]), min_size=1
)
NAMES = NAMES.map("".join).filter(lambda text: len(text) <= 128)


AGENT = {"type": "http_api", "endpoint": "https://api.example.com", "custom_params": {"user_agent": "x"}}
#: Of files. What is no name in a folder is none here either.
KEYS = NAMES.map(lambda name: name.replace("/", "").replace("\\", "") + ".yaml")


@st.composite
def calls(draw: st.DrawFn, name: str, agent: str) -> dict[str, Any]:
    action, parameters = draw(TEXTS), {"json": {draw(TEXTS): draw(TEXTS)}}
    return {"name": name, "agent_name": agent, "action": action, "parameters": parameters}


@st.composite
def tasks_of(draw: st.DrawFn, names: list[str], agent: str, files: list[str]) -> list[dict[str, Any]]:
    """A call for each name; some of them are inline tasks, or a sub-workflow, again and again."""
    tasks = []
    for name in names:
        task = draw(calls(name, agent))
        kind = draw(st.sampled_from(["call", "call", "tasks", "workflow"]))
        if kind == "tasks":
            inner = {"tasks": [draw(calls(name, agent))], "outputs": {draw(TEXTS): draw(TEXTS)}}
            task = {"name": name, "for_each": [draw(TEXTS)], **inner}
        elif kind == "workflow" and files:
            task = {"name": name, "workflow": draw(st.sampled_from(files))}
        if draw(st.booleans()):
            task["repeat"] = {"until": "{{ result }}" + draw(TEXTS), "every": 2, "max_times": 3}
        tasks.append(task)
    return tasks


@st.composite
def documents(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """A workflow and its sub-workflows."""
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    agent = draw(NAMES)
    inputs = {
        name: {"type": "string", "default": draw(NAMES), "description": draw(TEXTS), "enum": []}
        for name in draw(
            st.lists(st.sampled_from(["run", "workflow", "flow", "x", "Path", "str"]), unique=True)
        )
    }
    for config in inputs.values():
        config["enum"] = [config["default"]]
    own = {"agents": [{"name": agent, **AGENT}]}
    files = draw(st.lists(KEYS, max_size=2, unique=True))
    parts = {file: {"name": draw(NAMES), **own, "tasks": [draw(calls(draw(NAMES), agent))]} for file in files}
    lists = {"tasks": names[:2], "on_failure": names[2:3], "finally": names[3:]}
    tasks = {key: draw(tasks_of(some, agent, files)) for key, some in lists.items() if some}
    top = {"name": draw(NAMES), "description": draw(TEXTS), "version": draw(NAMES)}
    return {**top, "inputs": inputs, **own, **tasks}, parts


@pytest.mark.no_cover
def test_whatever_a_workflow_says_its_file_only_defines(tmp_path: Path) -> None:
    @given(documents())
    @settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    def property_holds(drawn: tuple[dict[str, Any], dict[str, Any]]) -> None:
        try:
            loaded = load(drawn[0], parts=drawn[1])
        except ConfigurationError:
            return
        text = emitted(loaded, FLOWS).text
        assert emitted(loaded, FLOWS).text == text
        only_defines(text)
        (tmp_path / f"flow_{hash(text)}.py").write_text(text, encoding="utf-8")

    property_holds()
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--diff", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def only_defines(text: str) -> None:
    module = ast.parse(text)
    compile(module, "emitted.py", "exec")
    for node in ast.walk(module):
        assert isinstance(node, NODES), ast.dump(node)
        if isinstance(node, ast.Attribute):
            assert node.attr in ATTRIBUTES
        if isinstance(node, ast.ImportFrom):
            assert node.module in MODULES
    calls = [node.func for node in ast.walk(module) if isinstance(node, ast.Call)]
    assert {call.id for call in calls if isinstance(call, ast.Name)} <= CALLED | {"run", "run_of_leadagent"}
    assert all(isinstance(call, ast.Name) for call in calls)


@pytest.mark.parametrize("name", ["run", "workflow", "flow", "State", "Any", "code"])
def test_a_workflow_may_have_the_name_of_what_its_file_uses(name: str, executed: Any) -> None:
    agent = {"name": name, "type": "http_api", "endpoint": "https://api.example.com"}
    task = {"name": name, "agent_name": name, "action": "GET"}
    inputs = {name: {"type": "string", "default": "x"}}
    file = emitted(load({"name": name, "inputs": inputs, "agents": [agent], "tasks": [task]}), FLOWS)
    flow = getattr(executed(file.text), file.function)
    assert flow.name == name
    assert list(flow.parameters.properties) == [name]
