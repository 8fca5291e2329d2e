"""The limits of size that keep the rooms readable. They may only be lowered."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

import pytest

FILE = 300
MEDIAN = 120
FUNCTION = 40
PUBLIC_NAMES = 8
#: Modules that are lists by nature: the exceptions, the language, the events.
LISTS = {"errors.py", "models.py", "observe/events.py"}


@pytest.fixture(scope="module")
def package(root: Path) -> dict[str, str]:
    folder = root / "leadagent_prefect"
    return {path.relative_to(folder).as_posix(): path.read_text() for path in sorted(folder.rglob("*.py"))}


def test_no_file_is_too_long(package):
    lengths = {name: len(text.splitlines()) for name, text in package.items()}
    assert {name: length for name, length in lengths.items() if length > FILE} == {}


def test_the_median_file_is_short(package):
    assert statistics.median(len(text.splitlines()) for text in package.values()) <= MEDIAN


def test_no_function_is_too_long(package):
    functions = (
        (f"{name}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1)
        for name, text in package.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    )
    assert {place: length for place, length in functions if length > FUNCTION} == {}


def public_names(text: str) -> set[str]:
    """What a module itself defines at its top level and does not begin with an underscore."""
    names: set[str] = set()
    for node in ast.parse(text).body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {
                leaf.id for target in targets for leaf in ast.walk(target) if isinstance(leaf, ast.Name)
            }
    return {name for name in names if not name.startswith("_")}


def test_no_module_has_too_many_public_names(package):
    names = {name: public_names(text) for name, text in package.items() if name not in LISTS}
    assert {name: sorted(found) for name, found in names.items() if len(found) > PUBLIC_NAMES} == {}
