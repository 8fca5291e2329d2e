"""The runner of the docs sees what it is meant to see."""

from __future__ import annotations

import pytest
from fences import Command, Fence, commands, difference, fences, makes
from fragments import complete

from leadagent_prefect.loader import load

PAGE = """
# A page

```yaml title="flow.yaml"
name: a
```

Text with `code`.

```console exit=1
$ make run  # only shown
$ leadagent run flow.yaml
line one
line two
```
"""


def test_blocks_are_found_with_their_language_options_and_line():
    first, second = fences(PAGE)
    assert first == Fence("yaml", {"title": "flow.yaml"}, "name: a\n", 5)
    assert first.title == "flow.yaml"
    assert (second.language, second.options, second.line) == ("console", {"exit": "1"}, 11)


def test_commands_come_with_their_output_and_without_those_only_shown():
    assert commands(fences(PAGE)[1]) == [Command("leadagent run flow.yaml", "line one\nline two\n")]


def test_every_line_of_bash_is_a_command():
    block = Fence("bash", {}, "# a remark\nleadagent run \\\n  flow.yaml\n\npython examples/servers.py\n", 1)
    assert [command.line for command in commands(block)] == ["leadagent run    flow.yaml"]


def test_output_without_a_command_is_a_mistake_of_the_page():
    with pytest.raises(ValueError, match="line 3"):
        commands(Fence("console", {}, "output\n$ true\n", 3))


@pytest.mark.parametrize(
    ("expected", "got", "same"),
    [
        ("a\nb\n", "a\nb\n", True),
        ("a\n\nb\n", "a  \nb\n", True),
        ("took ...s\n", "took 0.3s\n", True),
        ("took ...s\n", "took a day\n", False),
        ("a\n", "a\nb\n", False),
        ("a\n", "", False),
    ],
)
def test_output_that_differs_is_seen(expected, got, same):
    assert (difference(expected, got) is None) == same


def test_a_target_is_looked_for_in_the_makefile(tmp_path):
    (tmp_path / "Makefile").write_text("run: setup\n\t@true\n")
    assert makes("run", tmp_path / "Makefile")
    assert not makes("rum", tmp_path / "Makefile")


@pytest.mark.parametrize(
    "fragment",
    [
        {"global_timeout": 5},
        {"agents": [{"name": "a", "type": "http_api"}]},
        {"agents": [{"name": "a", "type": "mcp_server", "custom_params": {"command": "tool"}}]},
        {"tasks": [{"name": "t", "agent_name": "gone", "action": "GET", "depends_on": ["before"]}]},
        {
            "inputs": {"limit": {"type": "integer", "default": 1}},
            "tasks": [
                {
                    "name": "t",
                    "agent_name": "a",
                    "action": "POST",
                    "parameters": {
                        "json": ["{{ tasks.x.result }}", "{{ inputs.topic }}", "{{ inputs.limit }}"]
                    },
                }
            ],
        },
    ],
)
def test_a_part_is_made_whole_and_stays_what_it_was(fragment):
    whole = complete(fragment)
    workflow = load(whole).workflow
    assert {task["name"] for task in fragment.get("tasks", [])} <= {task.name for task in workflow.tasks}
    assert {agent["name"] for agent in fragment.get("agents", [])} <= {
        agent.name for agent in workflow.agents
    }
    assert whole.get("global_timeout") == fragment.get("global_timeout")


def test_a_mistake_in_a_part_stays_one():
    with pytest.raises(Exception, match="unknown-key"):
        load(complete({"agents": [{"name": "a", "type": "http_api", "timeouts": 3}]}))
