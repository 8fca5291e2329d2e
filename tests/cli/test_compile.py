"""`leadagent compile`: what it writes, what it leaves alone, and when it fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FLOW = """
name: {name}
agents: [{{name: api, type: http_api, endpoint: "https://api.example.com"{more}}}]
tasks: [{{name: fetch, agent_name: api, action: GET}}]
"""


@pytest.fixture
def write(folder: Path):
    def write(path: str, name: str = "digest", more: str = "") -> Path:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(FLOW.format(name=name, more=more))
        return file

    return write


def test_a_workflow_becomes_a_flow_and_a_deployment(leadagent, write, folder):
    write("digest.yaml")
    done = leadagent("compile", "digest.yaml")
    assert (done.code, done.out) == (0, "flows/digest.py: written\nprefect.yaml: written\n")
    assert "async def digest() -> State[Any]:" in (folder / "flows/digest.py").read_text()
    assert "entrypoint: flows/digest.py:digest" in (folder / "prefect.yaml").read_text()


def test_a_second_time_changes_nothing(leadagent, write, folder):
    write("digest.yaml")
    leadagent("compile", "digest.yaml")
    before = (folder / "flows/digest.py").stat().st_mtime_ns
    done = leadagent("compile", "digest.yaml")
    assert done.out == "flows/digest.py: unchanged\nprefect.yaml: unchanged\n"
    assert (folder / "flows/digest.py").stat().st_mtime_ns == before


def test_a_folder_gives_its_workflows_and_nothing_else(leadagent, write, folder):
    write("all/b.yml", "second")
    write("all/below/a.yaml", "first")
    write("all/.hidden/c.yaml", "third")
    (folder / "all/data.json").write_text('{"articles": []}')
    (folder / "all/prefect.yaml").write_text("tasks: of somebody else")
    done = leadagent("compile", "all", "-o", "out")
    assert done.out == "out/second.py: written\nout/first.py: written\nprefect.yaml: written\n"


def test_a_folder_without_a_workflow_is_an_error(leadagent, folder):
    (folder / "none").mkdir()
    done = leadagent("compile", "none")
    assert (done.code, done.err) == (
        2,
        "error: none: no workflow in this folder: a workflow is a YAML or JSON file with tasks\n",
    )


def test_one_workflow_may_go_to_a_file_or_to_standard_output(leadagent, write, folder):
    write("digest.yaml")
    assert leadagent("compile", "digest.yaml", "-o", "here.py").code == 0
    printed = leadagent("compile", "digest.yaml", "-o", "-")
    assert printed.out == (folder / "here.py").read_text()
    write("other.yaml", "other")
    done = leadagent("compile", "digest.yaml", "other.yaml", "-o", "here.py")
    assert (done.code, done.err) == (
        2,
        "error: --output here.py is one place for 2 workflows: name a folder\n",
    )


def test_a_flow_elsewhere_is_no_matter_of_prefect_yaml(leadagent, write, folder, tmp_path_factory):
    write("digest.yaml")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    done = leadagent("compile", "digest.yaml", "-o", elsewhere)
    assert done.out == f"{elsewhere}/digest.py: written\n"
    assert not (folder / "prefect.yaml").exists()


def test_all_problems_of_all_files_are_shown_and_nothing_is_written(leadagent, write, folder):
    write("a.yaml", more=", timeout: -1")
    write("b.yaml", "second", more=", retries: 1")
    write("c.yaml", "third")
    done = leadagent("compile", "a.yaml", "b.yaml", "c.yaml")
    assert done.code == 2
    assert "a.yaml:3:" in done.err
    assert "b.yaml:3:" in done.err
    assert not (folder / "flows").exists()


def test_a_credential_in_clear_is_refused_with_what_to_write_instead(leadagent, write, folder):
    write("digest.yaml", more=", authentication: {type: bearer, token: sk-CANARY-123}")
    done = leadagent("compile", "digest.yaml")
    assert done.code == 2
    assert "error[literal-credential]" in done.err
    assert "{{ secrets.API_TOKEN }}" in done.err
    assert not (folder / "flows").exists()


def test_a_class_that_only_one_program_has_is_refused(leadagent, folder):
    (folder / "digest.yaml").write_text(
        'name: digest\nagents: [{name: a, type: custom, custom_params: {class: "__main__:Mine"}}]\n'
        "tasks: [{name: t, agent_name: a, action: go}]\n"
    )
    done = leadagent("compile", "digest.yaml")
    assert done.code == 2
    assert "digest.yaml:2:26: error[not-portable]" in done.err


def test_what_a_sub_workflow_may_not_be_compiled_with_is_told_in_its_own_file(leadagent, folder):
    (folder / "digest.yaml").write_text("name: digest\ntasks: [{name: t, workflow: parts/a.yaml}]\n")
    (folder / "parts").mkdir()
    (folder / "parts" / "a.yaml").write_text(
        'name: a\nagents: [{name: a, type: custom, custom_params: {class: "__main__:Mine"}, '
        "authentication: {type: bearer, token: sk-CANARY-123}}]\n"
        "tasks: [{name: t, agent_name: a, action: go}]\n"
    )
    done = leadagent("compile", "digest.yaml")
    assert done.code == 2
    assert "parts/a.yaml:2:26: error[not-portable]" in done.err
    assert "parts/a.yaml:2:113: error[literal-credential]" in done.err


def test_two_workflows_of_one_name_are_refused(leadagent, write):
    write("a.yaml", "same/one")
    write("b.yaml", "same%one")
    done = leadagent("compile", "a.yaml", "b.yaml")
    assert done.code == 2
    assert "a.yaml and b.yaml both make the Prefect flow same-one" in done.err


@pytest.mark.parametrize("name", ["../../etc/cron.d/x", "/abs", "con", "..", "a b"])
def test_the_file_of_a_flow_lies_in_the_folder_that_was_named(leadagent, write, folder, name):
    write("digest.yaml", f'"{name}"')
    assert leadagent("compile", "digest.yaml", "-o", "out").code == 0
    (made,) = (folder / "out").iterdir()
    assert made.name.removesuffix(".py").replace("-", "").replace("_", "").isalnum()


def test_a_file_that_was_changed_by_hand_is_left_alone_unless_forced(leadagent, write, folder):
    write("digest.yaml")
    leadagent("compile", "digest.yaml")
    flow = folder / "flows/digest.py"
    mine = flow.read_text().replace('action="GET"', 'action="HEAD"')
    flow.write_text(mine)
    done = leadagent("compile", "digest.yaml")
    assert done.code == 2
    assert "flows/digest.py was changed by hand since leadagent wrote it" in done.err
    assert flow.read_text() == mine
    assert leadagent("compile", "digest.yaml", "--force").out.startswith("flows/digest.py: written anew\n")
    assert 'action="GET"' in flow.read_text()


def test_a_file_of_somebody_else_is_left_alone(leadagent, write, folder):
    write("digest.yaml")
    write("other.yaml", "other")
    (folder / "flows").mkdir()
    (folder / "flows/digest.py").write_text("print('mine')\n")
    done = leadagent("compile", "other.yaml", "digest.yaml")
    assert done.code == 2
    assert "flows/digest.py was not written by leadagent" in done.err
    assert [path.name for path in (folder / "flows").iterdir()] == ["digest.py"]


def test_a_symbolic_link_is_replaced_and_never_followed(leadagent, write, folder):
    write("digest.yaml")
    (folder / "flows").mkdir()
    (folder / "target.txt").write_text("precious")
    (folder / "flows/digest.py").symlink_to(folder / "target.txt")
    assert leadagent("compile", "digest.yaml").code == 2
    assert leadagent("compile", "digest.yaml", "--force").code == 0
    assert (folder / "target.txt").read_text() == "precious"


def test_check_fails_where_a_file_is_stale_missing_or_changed(leadagent, write, folder):
    write("digest.yaml")
    assert leadagent("compile", "digest.yaml", "--check").err == (
        "flows/digest.py: it is missing\nprefect.yaml: it is missing\n"
    )
    leadagent("compile", "digest.yaml")
    fresh = leadagent("compile", "digest.yaml", "--check")
    assert (fresh.code, fresh.out) == (0, "2 files are as they would be written\n")
    write("digest.yaml", more=", timeout: 5")
    stale = leadagent("compile", "digest.yaml", "--check")
    assert (stale.code, stale.err) == (1, "flows/digest.py: it is stale\n")
    flow = folder / "flows/digest.py"
    flow.write_text(flow.read_text() + "\n")
    assert leadagent("compile", "digest.yaml", "--check").err == "flows/digest.py: it was changed by hand\n"


def test_check_notices_a_sub_workflow_that_was_changed(leadagent, write, folder):
    part = write("parts/part.yaml", "part")
    (folder / "whole.yaml").write_text("name: whole\ntasks: [{name: part, workflow: parts/part.yaml}]\n")
    leadagent("compile", "whole.yaml")
    part.write_text(part.read_text().replace("fetch", "fetch_all"))
    stale = leadagent("compile", "whole.yaml", "--check")
    assert (stale.code, stale.err) == (1, "flows/whole.py: it is stale\n")


def test_compiling_needs_neither_prefect_nor_mcp(write):
    write("digest.yaml")
    code = """if True:
        import sys
        from leadagent_prefect.cli import main
        main(["compile", "digest.yaml"])
        print([name for name in ("prefect", "mcp", "httpx") if name in sys.modules])
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
