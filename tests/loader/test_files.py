"""Sub-workflows in files of their own: found, read once, and their problems told where they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from leadagent_prefect.diagnostics import Diagnostic, render_text
from leadagent_prefect.errors import ConfigurationError
from leadagent_prefect.loader import examine, load, read
from leadagent_prefect.loader.files import MAX_LEVELS


def including(*files: str, name: str = "w") -> str:
    """A workflow whose tasks are sub-workflows, or one with a value where there are none."""
    tasks = [f"  - {{name: t{n}, workflow: {file}}}\n" for n, file in enumerate(files)]
    return f"name: {name}\ntasks:\n" + ("".join(tasks) or "  - {name: leaf, value: 1}\n")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, **files: str) -> None:
    """``parts__x="..."`` is parts/x.yaml."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def found(source: Any, **more: Any) -> list[Diagnostic]:
    return examine(read(source), **more)[1]


def test_files_are_found_from_the_file_that_names_them(folder: Path) -> None:
    write(folder, flow=including("parts/a.yaml"), parts__a=including("../b.yaml"), b=including(name="b"))

    loaded = load(folder / "flow.yaml")

    assert loaded.parts["parts/a.yaml"].parts["../b.yaml"].workflow.name == "b"
    assert list(loaded.files) == ["parts/a.yaml", "b.yaml"]
    assert loaded.files["b.yaml"].document.base == folder


def test_a_file_that_is_included_twice_is_read_once(folder: Path) -> None:
    write(
        folder, flow=including("a.yaml", "a.yaml", "./a.yaml", "b.yaml"), a=including("b.yaml"), b=including()
    )

    loaded = load("flow.yaml")

    assert loaded.parts["a.yaml"] is loaded.parts["./a.yaml"]
    assert loaded.parts["b.yaml"] is loaded.parts["a.yaml"].parts["b.yaml"]
    assert list(loaded.files) == ["a.yaml", "b.yaml"]


def test_an_absolute_path_and_a_link_are_the_authors_own_affair(folder: Path) -> None:
    write(folder, flow=including(f"{folder}/else/a.yaml", "link.yaml"), else__a=including())
    (folder / "link.yaml").symlink_to(folder / "else" / "a.yaml")

    loaded = load("flow.yaml")

    assert list(loaded.files) == [f"{folder}/else/a.yaml", "link.yaml"]


def test_a_change_in_any_file_changes_the_digest(folder: Path) -> None:
    write(folder, flow=including("a.yaml"), a=including("b.yaml"), b=including())
    before = load("flow.yaml").digest

    write(folder, b=including(name="other"))

    assert load("flow.yaml").digest != before


def test_the_problems_of_a_sub_workflow_are_told_once_with_its_own_place(folder: Path) -> None:
    broken = including(name="b").replace("value", "valeu")
    write(folder, flow=including("parts/b.yaml", "link.yaml") + "nam: x\n", parts__b=broken)
    (folder / "link.yaml").symlink_to(folder / "parts" / "b.yaml")

    problems = found("flow.yaml")

    assert [(d.code, d.location) for d in problems] == [
        ("unknown-key", "flow.yaml:5:1"),
        ("missing-key", "parts/b.yaml:3:6"),
        ("unknown-key", "parts/b.yaml:3:18"),
    ]
    assert render_text(problems).splitlines()[4:8] == [
        'parts/b.yaml:3:6: error[missing-key]: task "leaf" names no agent to call',
        "  |",
        "3 |   - {name: leaf, valeu: 1}",
        "  |      ^^^^ add agent_name; defined: none",
    ]


@pytest.mark.parametrize(
    ("file", "message", "hint"),
    [
        ("non.yaml", 'can\'t read "non.yaml": No such file or directory', 'did you mean "none.yaml"?'),
        ("no/none.yaml", "No such file or directory", "files are found relative to the folder"),
        ("parts", 'can\'t read "parts": Is a directory', 'in that folder: "flow.yaml", "none.yaml"'),
        ('"a\\0b"', "embedded null byte", 'in that folder: "flow.yaml"'),
    ],
)
def test_a_file_that_cannot_be_read_is_told_where_it_is_named(
    folder: Path, file: str, message: str, hint: str
) -> None:
    write(folder, flow=including(file), none=including(), parts__a=including())

    (problem,) = found("flow.yaml")

    assert (problem.code, problem.location) == ("unreadable-file", "flow.yaml:3:26")
    assert message in problem.message
    assert hint in (problem.hint or "")


def test_files_that_include_each_other_are_shown_with_the_whole_way(folder: Path) -> None:
    write(folder, flow=including("a.yaml"), a=including("b.yaml"), b=including("a.yaml", "../f/flow.yaml"))
    (folder.parent / "f").symlink_to(folder)

    assert [(d.code, d.location, d.message) for d in found("flow.yaml")] == [
        (
            "workflow-cycle",
            "b.yaml:3:26",
            'files that include each other: "a.yaml" -> "b.yaml" -> "a.yaml"',
        ),
        (
            "workflow-cycle",
            "b.yaml:4:26",
            'files that include each other: "flow.yaml" -> "a.yaml" -> "b.yaml" -> "flow.yaml"',
        ),
    ]


def test_there_are_ten_levels_at_most(folder: Path) -> None:
    files = {f"f{n}": including(f"f{n + 1}.yaml") for n in range(MAX_LEVELS)}
    write(folder, **files, **{f"f{MAX_LEVELS}": including()})
    assert found("f0.yaml") == []

    write(folder, top=including("f0.yaml"), twice=including("f1.yaml", "f0.yaml"))

    assert [(d.code, d.location) for d in found("top.yaml")] == [("workflow-too-deep", "f9.yaml:3:26")]
    # f0 is one level above what was read with f1.
    assert [(d.code, d.location) for d in found("twice.yaml")] == [("workflow-too-deep", "f0.yaml:3:26")]


def test_parts_that_are_given_take_the_place_of_files() -> None:
    parts = {
        "parts/./a.yaml": including("../b.json"),
        "b.json": {"name": "b", "tasks": [{"name": "v", "value": 1}]},
    }

    loaded = load(including("parts/a.yaml"), parts=parts)

    assert loaded.parts["parts/a.yaml"].parts["../b.json"].workflow.name == "b"
    assert list(loaded.files) == ["parts/a.yaml", "b.json"]


def test_what_a_workflow_came_from_can_be_read_again_without_files(folder: Path) -> None:
    write(folder, flow=including("parts/a.yaml"), parts__a=including("../b.yaml"), b=including(name="b"))
    loaded = load("flow.yaml")

    texts = {key: part.document.text for key, part in loaded.files.items()}
    again = load(loaded.document.text, parts=texts)

    assert again.digest == loaded.digest
    assert {key: part.workflow for key, part in again.files.items()} == {
        key: part.workflow for key, part in loaded.files.items()
    }


def test_of_parts_that_are_given_no_file_is_read(folder: Path) -> None:
    write(folder, a=including(), b=including())

    (problem,) = found(including("a.yaml"), parts={"b.yaml": including()})

    assert problem.message == 'can\'t read "a.yaml": it is not among the parts'
    assert problem.hint == 'parts: "b.yaml"'
    assert found(including("a.yaml"), parts={})[0].hint == "parts: none"


def test_parts_that_are_given_may_be_a_circle() -> None:
    (problem,) = found(including("a.yaml"), parts={"a.yaml": including("./a.yaml")})

    assert (problem.code, problem.filename) == ("workflow-cycle", "a.yaml")


def test_a_workflow_that_is_no_file_has_no_files_beside_it_unless_its_folder_is_given(folder: Path) -> None:
    write(folder, parts__a=including(name="a"))

    (problem,) = found(including("parts/a.yaml"))

    assert problem.message == (
        'can\'t read "parts/a.yaml": a workflow that is no file has no folder to look in'
    )
    data = {"name": "w", "tasks": [{"name": "t", "workflow": "a.yaml"}]}
    assert load(data, base=folder / "parts").parts["a.yaml"].workflow.name == "a"
    with pytest.raises(ConfigurationError, match=r"tasks\[0\]\.workflow: can't read"):
        load(data)


def test_a_sub_workflow_that_is_no_workflow_is_told_in_its_own_file(folder: Path) -> None:
    write(folder, flow=including("a.yaml", "b.yaml"), a="- 1\n", b="")

    assert [(d.code, d.filename) for d in found("flow.yaml")] == [
        ("wrong-type", "a.yaml"),
        ("empty-document", "b.yaml"),
    ]


def test_warnings_of_all_files_are_given(folder: Path) -> None:
    unused = "agents: [{name: a, type: http_api, endpoint: 'https://x.example'}]\n"
    write(folder, flow=including("a.yaml") + unused, a=including() + unused)

    loaded = load("flow.yaml")

    assert [(d.code, d.filename) for d in loaded.warnings] == [
        ("unused-agent", "flow.yaml"),
        ("unused-agent", "a.yaml"),
    ]
