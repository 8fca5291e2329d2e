"""``leadagent validate``."""

from __future__ import annotations

import json

BROKEN = "name: x\ntasks:\n  - {name: a, agent_name: nobody, action: b, acton: c}\n"


def test_a_valid_file_is_one_line_on_stdout(leadagent, workflow):
    done = leadagent("validate", workflow().name)
    assert (done.code, done.out, done.err) == (0, "flow.yaml: valid (2 tasks, 1 agent)\n", "")


def test_a_broken_file_shows_all_its_problems_on_stderr(leadagent, folder):
    (folder / "broken.yaml").write_text(BROKEN)
    done = leadagent("validate", "broken.yaml")
    assert (done.code, done.out) == (2, "")
    assert "broken.yaml:3:29: error[unknown-agent]" in done.err or "error[unknown-agent]" in done.err
    assert "error[unknown-key]" in done.err
    assert done.err.endswith("broken.yaml: 2 errors\n")


def test_several_files_are_checked_each_once(leadagent, workflow, folder):
    (folder / "broken.yaml").write_text(BROKEN)
    name = workflow().name
    done = leadagent("validate", name, "broken.yaml", name, "missing.yaml", ".")
    assert done.code == 2
    assert done.out == "flow.yaml: valid (2 tasks, 1 agent)\n"
    assert "missing.yaml: error[unreadable-file]: can't read the file: No such file or directory" in done.err
    assert ".: error[unreadable-file]: can't read the file: Is a directory" in done.err


def test_a_file_that_may_not_be_read_is_a_diagnostic(leadagent, folder):
    (folder / "loop.yaml").symlink_to("loop.yaml")
    done = leadagent("validate", "loop.yaml")
    assert done.code == 2
    assert "loop.yaml: error[unreadable-file]" in done.err


def test_warnings_fail_only_where_strict_is_asked_for(leadagent, workflow):
    name = workflow(more="    retry_config: {max_attempts: 500}\n").name
    lax, strict = leadagent("validate", name), leadagent("validate", "--strict", name)
    assert (lax.code, lax.out) == (0, "flow.yaml: valid (2 tasks, 1 agent, 1 warning)\n")
    assert "warning[" in lax.err
    assert (strict.code, strict.out) == (2, "")
    assert strict.err.endswith("flow.yaml: 1 warning\n")


def test_formats_for_machines_go_to_stdout(leadagent, folder):
    (folder / "broken.yaml").write_text(BROKEN)
    found = leadagent("validate", "--format", "json", "broken.yaml")
    assert (found.code, found.err) == (2, "")
    assert sorted(problem["code"] for problem in found.json) == ["unknown-agent", "unknown-key"]
    github = leadagent("validate", "--format", "github", "broken.yaml").out
    assert github.startswith("::error file=broken.yaml,line=3,")
    sarif = json.loads(leadagent("validate", "--format", "sarif", "broken.yaml").out)
    assert len(sarif["runs"][0]["results"]) == 2


def test_a_valid_file_is_an_empty_list_in_json(leadagent, workflow):
    done = leadagent("validate", "--format", "json", workflow())
    assert (done.code, done.json) == (0, [])


def test_standard_input_is_read_as_yaml_or_json(finished, workflow):
    text = workflow().read_text()
    done = finished("validate", "-", stdin=text)
    assert (done.code, done.out) == (0, "-: valid (2 tasks, 1 agent)\n")
    broken = finished("validate", "-", stdin='{"name": "x", "tasks": []}')
    assert broken.code == 2
    assert "<stdin>:1:24: error[missing-key]" in broken.err


def test_a_name_of_a_file_cannot_steer_the_terminal(leadagent):
    done = leadagent("validate", "\x1b[31m.yaml")
    assert done.code == 2
    assert "\\x1b[31m.yaml: 1 error\n" in done.err
    assert "\x1b" not in done.err


def test_the_problems_of_a_sub_workflow_are_shown_once_and_count_for_all_that_include_it(leadagent, folder):
    (folder / "broken.yaml").write_text(BROKEN)
    for name in ("a", "b"):
        (folder / f"{name}.yaml").write_text(f"name: {name}\ntasks: [{{name: t, workflow: broken.yaml}}]\n")
    done = leadagent("validate", "a.yaml", "broken.yaml", "b.yaml")
    assert (done.code, done.out) == (2, "")
    assert done.err.count("error[unknown-agent]") == 1
    assert done.err.endswith(
        "a.yaml: 2 errors\nbroken.yaml: 2 errors\nb.yaml: 2 errors\n",
    )
    assert len(leadagent("validate", "--format", "json", "a.yaml", "b.yaml").json) == 2
