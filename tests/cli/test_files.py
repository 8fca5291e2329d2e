"""Files that commands write: ``graph -o``, ``schema -o``, ``init``."""

from __future__ import annotations

import json
import os
import socket
import stat
import uuid

import pytest

from leadagent_prefect.embedded.probe import ask
from leadagent_prefect.errors import PrefectUnavailable


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("g.txt", "scripted\n└─ first"),
        ("g.mmd", "flowchart TD"),
        ("g.gv", "digraph"),
        ("g.SVG", "<svg "),
        ("g.html", "<!doctype html>"),
        ("no-ending", "scripted\n"),
    ],
)
def test_the_ending_of_the_file_says_the_format(leadagent, workflow, folder, name, begins):
    done = leadagent("graph", workflow(), "-o", name)
    assert (done.code, done.out, done.err) == (0, "", "")
    assert (folder / name).read_text().startswith(begins)


def test_a_format_that_is_asked_for_wins(leadagent, workflow, folder):
    leadagent("graph", workflow(), "-o", "g.svg", "--format", "dot")
    assert (folder / "g.svg").read_text().startswith("digraph")


def test_an_ending_of_no_known_format_is_refused_before_anything_is_written(leadagent, workflow, folder):
    done = leadagent("graph", workflow(), "-o", "g.png")
    assert done.code == 2
    assert "no format is known by the ending .png: use one of .txt, .mmd," in done.err
    assert not (folder / "g.png").exists()
    assert leadagent("graph", workflow(), "-o", "g.md", "--format", "mermaid").code == 0


@pytest.mark.parametrize("output", [(), ("-o", "-")])
def test_without_a_file_it_goes_to_stdout(leadagent, workflow, output):
    assert leadagent("graph", workflow(), *output).out == (
        "scripted\n└─ first  [script: echo]\n   └─ second  [script: echo]\n"
    )


def test_an_existing_file_is_replaced_only_by_force(leadagent, workflow, folder):
    (folder / "g.dot").write_text("mine")
    done = leadagent("graph", workflow(), "-o", "g.dot")
    assert (done.code, done.err) == (2, "error: g.dot exists: say --force to replace it\n")
    assert (folder / "g.dot").read_text() == "mine"
    assert leadagent("graph", workflow(), "-o", "g.dot", "--force").code == 0
    assert (folder / "g.dot").read_text().startswith("digraph")


def test_a_symbolic_link_is_replaced_and_not_followed(leadagent, workflow, folder):
    (folder / "victim").write_text("mine")
    (folder / "g.dot").symlink_to("victim")
    assert leadagent("graph", workflow(), "-o", "g.dot").code == 2
    assert leadagent("graph", workflow(), "-o", "g.dot", "--force").code == 0
    assert not (folder / "g.dot").is_symlink()
    assert (folder / "victim").read_text() == "mine"


@pytest.mark.parametrize("name", ["", ".", "/"])
def test_what_is_no_name_of_a_file_is_bad_input(leadagent, workflow, name):
    done = leadagent("graph", workflow(), "-o", name)
    assert (done.code, done.err) == (2, f'error: "{name}" is no name of a file\n')


def test_nothing_is_left_behind_where_writing_fails(leadagent, workflow, folder):
    (folder / "taken.dot").mkdir()
    done = leadagent("graph", workflow(), "-o", "taken.dot", "--force")
    assert done.code == 2
    assert "Is a directory" in done.err
    assert list(folder.glob(".*.new")) == []
    gone = leadagent("graph", workflow(), "-o", "no/such/folder.dot")
    assert gone.code == 2
    assert "No such file or directory" in gone.err


def test_the_file_has_the_permissions_that_the_user_gives_to_files(leadagent, workflow, folder):
    before = os.umask(0o027)
    try:
        leadagent("graph", workflow(), "-o", "g.dot")
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / "g.dot").stat().st_mode) == 0o640


def test_the_schema_is_json(leadagent, folder):
    assert leadagent("schema").json["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert leadagent("schema", "-o", "s.json").code == 0
    assert json.loads((folder / "s.json").read_text())["required"] == ["name", "tasks"]


def test_the_starter_project_is_valid_and_runs_as_it_is(leadagent, finished, folder, prefect_api):
    done = leadagent("init", "my project")
    assert done.code == 0
    assert done.out.endswith("Now: leadagent run 'my project/workflow.yaml'\n")
    assert sorted(path.name for path in (folder / "my project").iterdir()) == [
        ".gitignore",
        "README.md",
        "text_agent.py",
        "workflow.yaml",
    ]
    checked = leadagent("validate", "--strict", "my project/workflow.yaml")
    assert checked.out == "my project/workflow.yaml: valid (3 tasks, 1 agent)\n"
    ran = finished("run", "my project/workflow.yaml", "--json")
    assert ran.code == 0
    assert ran.json["outputs"] == {"report": "11 words, the longest is workflow"}


def test_init_registers_the_block_of_breakers_where_a_server_answers(leadagent, prefect_api, monkeypatch):
    from leadagent_prefect.engine.shared.block import LeadAgentCircuitBreaker

    slug = f"circuit-{uuid.uuid4().hex}"  # that of the real one is there, by other tests
    monkeypatch.setattr(LeadAgentCircuitBreaker, "_block_type_slug", slug)
    monkeypatch.setattr(LeadAgentCircuitBreaker, "_block_type_name", slug.title())

    def known():
        return len(ask(prefect_api, "/block_types/filter", {"block_types": {"slug": {"any_": [slug]}}}))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{port}/api")
    assert (leadagent("init", "nobody").err, known()) == ("", 0)
    monkeypatch.setenv("PREFECT_API_URL", prefect_api.url.replace("127.0.0.1", "localhost"))
    assert (leadagent("init", "without-its-password").err, known()) == ("", 0)
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", prefect_api.auth_string)
    assert (leadagent("init", "configured").err, known()) == ("", 1)
    monkeypatch.delenv("PREFECT_API_URL")
    monkeypatch.setattr("leadagent_prefect.cli.api_client.asked", refuse)
    done = leadagent("init", "embedded")
    assert (done.code, done.err) == (0, "the block type of circuit breakers is not registered: no\n")


def refuse(work, api):
    assert api.embedded
    raise PrefectUnavailable("no")


def test_an_action_that_the_starters_agent_does_not_know_is_an_error(leadagent, folder):
    leadagent("init")
    done = leadagent("agents", "test", "workflow.yaml", "words", "--action", "shout")
    assert (done.code, done.json["error"]) == (1, "no action 'shout'")


def test_init_writes_nothing_where_one_of_its_files_exists(leadagent, folder):
    (folder / "README.md").write_text("mine")
    done = leadagent("init", ".")
    assert (done.code, done.out) == (2, "")
    assert "README.md would be replaced" in done.err
    assert list(folder.iterdir()) == [folder / "README.md"]


def test_init_says_where_a_folder_cannot_be_made(leadagent, folder):
    (folder / "file").write_text("")
    done = leadagent("init", "file/below")
    assert done.code == 2
    assert "Not a directory" in done.err
