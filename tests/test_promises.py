"""A promise without a test is none, and a test that is named must be there."""

from __future__ import annotations

import ast
import runpy
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent


PROMISES = runpy.run_path(str(HERE / "promises.py"), run_name="promises")["PROMISES"]
#: What the project will have one day; nothing else may be waited for.
SURFACES = {"REST API", "Docker", "publication", "structured logs"}


@cache
def found_in(file: str) -> set[str]:
    path = HERE / file
    if not path.is_file():
        return set()
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, functions)}


def exists(test: str) -> bool:
    file, _, function = test.partition("::")
    name, _, case = function.removesuffix("]").partition("[")
    cases = HERE / "cases" / "err"
    return name in found_in(file) and (not case or (cases / f"{case}.yaml").is_file())


def test_every_promise_has_a_test_that_exists_or_says_what_it_waits_for():
    bare = [promise.id for promise in PROMISES if bool(promise.tests) == bool(promise.waits_for)]
    assert bare == []
    named = [(promise.id, test) for promise in PROMISES for test in promise.tests]
    assert [(id, test) for id, test in named if not exists(test)] == []


def test_what_is_waited_for_is_a_surface_of_the_plan():
    assert {promise.waits_for for promise in PROMISES} - {""} <= SURFACES


def test_no_promise_stands_twice():
    ids = [promise.id for promise in PROMISES]
    assert sorted(ids) == sorted(set(ids))


def test_every_test_of_the_originals_snippets_keeps_a_promise():
    named = {test for promise in PROMISES for test in promise.tests}
    snippets = {f"promises/test_snippets.py::{name}" for name in found_in("promises/test_snippets.py")}
    assert {test for test in snippets if "::test_" in test} <= named
