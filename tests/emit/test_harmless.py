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
CALLED = {"AgentConfig", "TaskConfig", "InputConfig", "Workflow", "WithJsonSchema", "flow"}
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


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    agent = draw(NAMES)
    tasks = [
        {
            "name": name,
            "agent_name": agent,
            "action": draw(TEXTS),
            "parameters": {"json": {draw(TEXTS): draw(TEXTS)}},
        }
        for name in names
    ]
    inputs = {
        name: {"type": "string", "default": draw(NAMES), "description": draw(TEXTS), "enum": []}
        for name in draw(
            st.lists(st.sampled_from(["run", "workflow", "flow", "x", "Path", "str"]), unique=True)
        )
    }
    for config in inputs.values():
        config["enum"] = [config["default"]]
    endpoint = "https://api.example.com"
    agents = [{"name": agent, "type": "http_api", "endpoint": endpoint, "custom_params": {"user_agent": "x"}}]
    top = {"name": draw(NAMES), "description": draw(TEXTS), "version": draw(NAMES)}
    return {**top, "inputs": inputs, "agents": agents, "tasks": tasks}


@pytest.mark.no_cover
def test_whatever_a_workflow_says_its_file_only_defines(tmp_path: Path) -> None:
    @given(documents())
    @settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    def property_holds(document: dict[str, Any]) -> None:
        try:
            loaded = load(document)
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
