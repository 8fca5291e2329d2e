from __future__ import annotations

import ast
import pkgutil
import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return zipfile.Path(built)


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(wheel, root, files):
    package = root / "leadagent_prefect"
    expected = {path.relative_to(root).as_posix() for path in files if package in path.parents}
    tops = {name.split("/")[0] for name in wheel.root.namelist()}
    held = {name for name in wheel.root.namelist() if name.startswith("leadagent_prefect/")}
    assert {name for name in held if not name.endswith("/")} == expected
    assert {top for top in tops if not top.endswith(".dist-info")} == {"leadagent_prefect"}
    assert "leadagent_prefect/py.typed" in held


def test_the_command_and_every_entry_point_exist(pyproject):
    project = pyproject["project"]
    groups = [project["scripts"], *project["entry-points"].values()]
    for group in groups:
        for target in group.values():
            assert callable(pkgutil.resolve_name(target))


def imported(files: list[Path]) -> set[str]:
    """The first names of every absolute import in ``files``."""
    nodes = [node for path in files for node in ast.walk(ast.parse(path.read_text()))]
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    whence = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return {name.split(".")[0] for name in plain | whence}


def provided(line: str) -> set[str]:
    """The first names of the modules that an installed package brings; none where its marker rules it out."""
    requirement = Requirement(line)
    if requirement.marker is not None and not requirement.marker.evaluate():
        return set()
    return {path.parts[0].split(".")[0] for path in distribution(requirement.name).files or []}


def test_every_package_that_is_imported_is_declared(pyproject: dict[str, Any], root: Path):
    names = imported(sorted((root / "leadagent_prefect").rglob("*.py")))
    declared = {name for line in pyproject["project"]["dependencies"] for name in provided(line)}
    # tomllib is the standard library's from 3.11 on; before, tomli stands in for it.
    known = {"leadagent_prefect", "tomllib", "tomli"} | sys.stdlib_module_names
    assert names - known - declared == set()


def test_the_light_contract_names_every_room_below_the_agents(pyproject, root):
    contracts = {contract["id"]: contract for contract in pyproject["tool"]["importlinter"]["contracts"]}
    layers = [layer.replace("|", ":").split(":") for layer in contracts["layers"]["layers"]]
    rooms = [[room.strip(" ()") for room in layer] for layer in layers]
    planning = next(number for number, layer in enumerate(rooms) if "agents" in layer)
    light = {room for layer in rooms[planning:] for room in layer} - {"agents"}
    built = {path.stem for path in (root / "leadagent_prefect").iterdir()}
    named = {module.removeprefix("leadagent_prefect.") for module in contracts["light"]["source_modules"]}
    assert named == light & built
