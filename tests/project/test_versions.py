"""pyproject.toml, constraints.txt and requirements.txt say the same."""

from __future__ import annotations

import re
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

PYTHONS = ["3.10", "3.11", "3.12", "3.13"]


def declared(pyproject: dict[str, Any]) -> list[Requirement]:
    project = pyproject["project"]
    lines = [*pyproject["build-system"]["requires"], *project["dependencies"]]
    lines += [line for extra in project["optional-dependencies"].values() for line in extra]
    return [Requirement(line) for line in lines]


@pytest.fixture(scope="module")
def constraints(root: Path) -> list[Requirement]:
    lines = (root / "constraints.txt").read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def applies(requirement: Requirement, python: str | None = None, extra: str = "") -> bool:
    environment = {"extra": extra}
    if python is not None:
        environment |= {"python_version": python, "python_full_version": f"{python}.0"}
    return requirement.marker is None or requirement.marker.evaluate(environment)


def pins(constraints: list[Requirement], python: str | None = None) -> dict[str, str]:
    return {
        canonicalize_name(line.name): next(iter(line.specifier)).version
        for line in constraints
        if applies(line, python)
    }


def test_every_constraint_is_one_exact_version(constraints):
    loose = [str(line) for line in constraints if not re.fullmatch(r"==[^*,]+", str(line.specifier))]
    assert loose == []


@pytest.mark.parametrize("python", PYTHONS)
def test_each_python_has_one_pin_a_package(constraints, python):
    names = [canonicalize_name(line.name) for line in constraints if applies(line, python)]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("python", PYTHONS)
def test_every_declared_package_is_pinned_to_a_version_that_is_allowed(pyproject, constraints, python):
    pinned = pins(constraints, python)
    wrong = [
        f"{line} is pinned to {pinned.get(canonicalize_name(line.name))}"
        for line in declared(pyproject)
        if applies(line, python)
        and not line.specifier.contains(pinned.get(canonicalize_name(line.name), "0"))
    ]
    assert wrong == []


def test_every_declared_package_is_bounded_below(pyproject):
    unbounded = [str(line) for line in declared(pyproject) if ">=" not in str(line.specifier)]
    assert unbounded == []


def test_every_package_that_is_needed_on_the_way_is_pinned_and_installed_so(pyproject, constraints):
    pinned = pins(constraints)
    queue = [line for line in declared(pyproject) if applies(line)]
    seen: set[str] = set()
    wrong: set[str] = set()
    while queue:
        line = queue.pop()
        name = canonicalize_name(line.name)
        installed = distribution(name)
        if pinned.get(name) != installed.version:
            wrong.add(f"{name}: installed {installed.version}, pinned {pinned.get(name)}")
        for extra in {"", *line.extras}:
            if (key := f"{name}[{extra}]") not in seen:
                seen.add(key)
                needs = map(Requirement, installed.requires or [])
                queue += [need for need in needs if applies(need, extra=extra)]
    assert wrong == set()


@pytest.mark.parametrize("python", PYTHONS)
def test_what_is_pinned_for_a_python_is_made_for_it(pyproject, constraints, python):
    """As far as the versions that are installed here are those of that Python."""
    project = pyproject["project"]
    queue = [Requirement(line) for line in project["dependencies"] + project["optional-dependencies"]["dev"]]
    pinned, seen, wrong = pins(constraints, python), set(), set()
    while queue:
        line = queue.pop()
        name = canonicalize_name(line.name)
        if name in seen or not applies(line, python):
            continue
        seen.add(name)
        with suppress(PackageNotFoundError):
            installed = distribution(name)
            if installed.version == pinned[name]:
                wants = installed.metadata.get("Requires-Python", "")
                if not SpecifierSet(wants).contains(f"{python}.9"):
                    wrong.add(f"{name} {installed.version} is for Python {wants}")
            queue += map(Requirement, installed.requires or [])
    assert wrong == set()


def test_requirements_txt_installs_the_package_with_the_constraints(root):
    lines = (root / "requirements.txt").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == ["-c constraints.txt", "."]
