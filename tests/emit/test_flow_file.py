"""The emitted file: the same workflow, harmless whatever is in it, and laid out as one would have it."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from leadagent_prefect.emit import emitted
from leadagent_prefect.emit.definitions import called
from leadagent_prefect.emit.heading import owner
from leadagent_prefect.loader import load
from leadagent_prefect.models import Workflow

ROOT = Path(__file__).resolve().parents[2]
CASES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))
VALID = sorted([*(ROOT / "tests/cases/ok").glob("*.*"), *(ROOT / "examples").rglob("*.yaml"), *CASES])
#: What stands in an emitted file at its top level; nothing of it does anything but define.
DEFINITIONS = (ast.Assign, ast.AsyncFunctionDef, ast.Expr, ast.ImportFrom)

IMPORT = """
import sys
from pathlib import Path
harmless, hostile = (compile(Path(path).read_text(), path, "exec") for path in sys.argv[1:])
exec(harmless, {"__name__": "emitted"})  # what is imported late is there now
seen = []
allowed = {"exec", "import", "object.__getattr__", "code.__new__", "builtins.id", "sys._getframe"}
allowed |= {"sys._getframemodulename"}  # the same, since Python 3.12
sys.addaudithook(lambda event, args: event in allowed or seen.append((event, repr(args)[:80])))
exec(hostile, {"__name__": "emitted"})
print(*seen, sep="\\n")
"""


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_emitted_text_is_the_one_beside_the_case(path: Path) -> None:
    golden = path.with_suffix(".out")
    text = emitted(load(path), path.parent).text
    if os.environ.get("UPDATE_GOLDENS"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_the_emitted_workflows_are_those_of_the_files(path: Path, executed) -> None:
    loaded = load(path)
    module = executed(emitted(loaded, Path("flows")).text)
    found = [value for value in vars(module).values() if isinstance(value, Workflow)]
    assert [dumped(workflow) for workflow in found] == [
        as_emitted(one.workflow) for one in (loaded, *loaded.files.values())
    ]


def dumped(workflow: Workflow) -> dict[str, Any]:
    return workflow.model_dump(exclude_unset=True, exclude={"schedule", "tags", "description"})


def as_emitted(workflow: Workflow) -> dict[str, Any]:
    """Without the agents that nobody calls."""
    agents = {agent.name for agent in called(workflow)}
    written = dumped(workflow)
    return {**written, "agents": [one for one in written.get("agents", []) if one["name"] in agents]}


def test_ruff_would_change_nothing(tmp_path: Path) -> None:
    for path in VALID:
        text = emitted(load(path), tmp_path).text
        (tmp_path / f"{path.parent.name}_{path.stem}.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--diff", str(tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True, check=False).stdout == ""


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_the_emitted_file_holds_definitions_alone(path: Path) -> None:
    module = ast.parse(emitted(load(path), Path("flows")).text)
    assert [node for node in module.body if not isinstance(node, DEFINITIONS)] == []
    assert [type(node.value) for node in module.body if isinstance(node, ast.Expr)] == [ast.Constant]


def test_importing_a_hostile_workflow_touches_nothing(emit, tmp_path: Path) -> None:
    file, _ = emit(ROOT / "examples" / "retries.yaml")
    (tmp_path / "harmless.py").write_text(file.text)
    _, path = emit(Path(__file__).parent / "cases" / "hostile.yaml")
    command = [sys.executable, "-c", IMPORT, str(tmp_path / "harmless.py"), str(path)]
    done = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_hostile_workflow_has_a_form_with_the_notes_of_its_inputs(emit, executed) -> None:
    from prefect.utilities.callables import parameter_schema, parameter_schema_from_entrypoint

    file, path = emit(Path(__file__).parent / "cases" / "hostile.yaml")
    flow = getattr(executed(file.text), file.function)
    schema = parameter_schema(flow.fn)
    assert schema.properties["workflow"]["description"] == '""" ) -> None: os.abort() \\'
    assert schema.properties["run"]["minimum"] == -3
    assert schema.properties["Path"]["enum"] == ["a'b", 'a"b', "\u202e"]
    assert schema.properties["a_b"]["default"] == {"]": "}"}
    assert flow.description == load(Path(__file__).parent / "cases" / "hostile.yaml").workflow.description
    # Prefect reads the source where it can't import the file.
    assert parameter_schema_from_entrypoint(f"{path}:{file.function}") == schema


def test_the_text_is_the_same_each_time_and_wherever_the_project_lies(tmp_path: Path) -> None:
    texts = []
    for place in ("here", "elsewhere/below"):
        workflow = tmp_path / place / "workflows" / "flow.yaml"
        workflow.parent.mkdir(parents=True)
        workflow.write_text((ROOT / "examples/custom_agent/workflow.yaml").read_text())
        (workflow.parent / "agents.py").touch()
        texts.append(emitted(load(workflow), tmp_path / place / "flows").text)
    assert texts[0] == texts[1]
    assert 'code = Path(__file__).parent / "../workflows"' in texts[0]


def test_a_class_beside_the_workflow_may_be_a_sub_workflow_s(tmp_path: Path) -> None:
    agent = {"name": "a", "type": "custom", "custom_params": {"class": "mine:Agent"}}
    part = {"name": "part", "agents": [agent], "tasks": [{"name": "t", "agent_name": "a", "action": "go"}]}
    whole = {"name": "whole", "tasks": [{"name": "t", "workflow": "part.yaml"}]}
    (tmp_path / "mine.py").touch()
    loaded = load(whole, base=tmp_path, parts={"part.yaml": part})
    assert 'code=code, parts={"part.yaml": part}' in emitted(loaded, tmp_path).text


def test_a_class_of_an_installed_package_needs_no_folder(emit) -> None:
    agent = {"name": "a", "type": "custom", "custom_params": {"class": "json.decoder:JSONDecoder"}}
    task = {"name": "t", "agent_name": "a", "action": "go"}
    file, _ = emit({"name": "installed", "agents": [agent], "tasks": [task]})
    assert "__file__" not in file.text


def test_the_heading_tells_a_file_that_was_changed(emit) -> None:
    file, _ = emit(ROOT / "examples" / "retries.yaml")
    assert owner(file.text) == "leadagent"
    assert owner(file.text.replace("max_attempts=5", "max_attempts=6")) == "changed"
    assert owner("print()\n") == "foreign"
    assert owner("# Checksum of the rest: 0000000000000000") == "foreign"
