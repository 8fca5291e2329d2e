"""Workflows given as a dict, parts that are broken elsewhere, and what must not be reported twice."""

from __future__ import annotations

import pytest

from leadagent_prefect.checks import check
from leadagent_prefect.loader import examine, read
from leadagent_prefect.loader.keys import UNSUPPORTED
from leadagent_prefect.models import TaskConfig


def test_without_text_a_message_begins_with_the_path(workflow, found):
    data = workflow(task={"depends_on": ["nope"], "parameters": {"params": {"a b": "{{ inputs.x }}"}}})
    data["tasks"].append(dict(data["tasks"][0], depends_on=[], parameters={}))
    assert sorted(found(data)) == [
        (
            "duplicate-name",
            'tasks[1].name: a second task is named "fetch"; the first is at tasks[0]',
        ),
        (
            "unknown-input",
            'tasks[0].parameters.params["a b"]: task "fetch": input "x" is not defined',
        ),
        (
            "unknown-task",
            'tasks[0].depends_on[0]: task "fetch" depends on "nope", which is not defined',
        ),
    ]


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        ({"timeout": "{{ inputs.t }}"}, ["invalid-duration"]),
        ({"agent_name": 5}, ["wrong-type"]),
        ({"name": 5}, ["wrong-type"]),
        ({"depends_on": "fetch"}, ["wrong-type"]),
        ({"depends_on": [5]}, ["wrong-type"]),
        ({"output_schema": "no"}, ["wrong-type"]),
        ({"parameters": 3}, ["wrong-type"]),
    ],
)
def test_what_the_loader_reports_is_not_reported_again(workflow, found, change, codes):
    assert [code for code, _ in found(workflow(task=change))] == codes


def test_a_task_of_a_kind_that_is_not_supported_yet_is_reported_once(workflow, found, monkeypatch):
    monkeypatch.setitem(UNSUPPORTED, TaskConfig, frozenset({"workflow"}))
    data = workflow()
    data["tasks"].append({"name": "sub", "workflow": "other.yaml"})
    assert [code for code, _ in found(data)] == ["not-supported-yet"]


def test_a_broken_workflow_is_checked_as_far_as_it_goes(workflow, found):
    data = workflow(task={"depends_on": ["nope"]}, min_success=-1, inputs=3, outputs="x")
    data["schedule"] = {"interval": 60, "inputs": {"a": 1}}
    codes = {code for code, _ in found(data)}
    assert codes == {"unknown-task", "wrong-type", "invalid-value"}


def test_what_is_no_workflow_at_all_is_reported_once():
    _, (diagnostic,) = examine(read("- a\n- b\n"))
    assert diagnostic.code == "wrong-type"


def test_an_input_that_is_broken_is_still_an_input(workflow, found):
    data = workflow(
        task={"parameters": {"params": "{{ inputs.x }}"}},
        inputs={"x": {"type": "strng"}},
        schedule={"interval": 60},
    )
    assert [code for code, _ in found(data)] == ["invalid-value"]


def test_what_is_right_is_not_complained_about(workflow, found):
    data = workflow(
        task={
            "retry_config": {"max_attempts": 100},
            "output_schema": {
                "$defs": {"a/b": {"anyOf": [{"$anchor": "node", "type": "string"}]}},
                "properties": {
                    "a": {"$ref": "#/$defs/a~1b/anyOf/0"},
                    "b": {"$ref": "#"},
                    "c": {"$ref": "#node"},
                    "$ref": {"type": "string"},
                },
            },
            "parameters": {
                "params": {"q": "{{ inputs.q }} {{ run }} {{ workflow.name }} {{ vars.X|default(env.Y) }}"},
                "endpoint": "{{ inputs.q }}",
                "method": "{{ inputs.q }}",
            },
        },
        inputs={"q": {"type": "string"}, "n": {"type": "integer", "minimum": 1, "default": 3}},
        schedule=[{"cron": "0 9 * * 1-5", "timezone": "UTC", "inputs": {"q": "a", "n": 2}}],
        outputs={"all": "{{ tasks.fetch }}", "inputs": "{{ inputs }}"},
        failure_strategy="partial_completion_allowed",
        min_success="50%",
    )
    data["tasks"].append(
        {"name": "more", "agent_name": "api", "action": "POST", "parameters": {"endpoint": "/x", "json": 1}}
    )
    assert found(data) == []


@pytest.mark.parametrize("target", ["#/$defs/x", "#/anyOf/7", "#/anyOf/x", "#nope", "other.json#/a", ""])
def test_a_reference_of_a_schema_stays_in_it_and_leads_somewhere(workflow, found, target):
    schema = {"anyOf": [{"$ref": target}]}
    assert [code for code, _ in found(workflow(task={"output_schema": schema}))] == ["invalid-schema"]


def test_a_cycle_of_many_is_found_and_shown_as_a_whole(workflow, found):
    names = [f"t{index}" for index in range(3000)]
    tasks = [
        {"name": name, "agent_name": "api", "action": "GET", "depends_on": [names[index - 1]]}
        for index, name in enumerate(names)
    ]
    ((code, message),) = found(workflow() | {"tasks": tasks})
    assert code == "dependency-cycle"
    assert message.endswith('"t2" -> "t1" -> "t0"')
    assert message.count("->") == 3000


def test_the_shortest_way_round_is_shown(workflow, found):
    waits = {"a": ["b", "d"], "b": ["c"], "c": ["a"], "d": ["a"], "e": ["a"], "f": []}
    tasks = [
        {"name": name, "agent_name": "api", "action": "GET", "depends_on": depends_on}
        for name, depends_on in waits.items()
    ]
    assert found(workflow() | {"tasks": tasks}) == [
        ("dependency-cycle", 'tasks[2].depends_on[0]: dependency cycle: "a" -> "b" -> "c" -> "a"'),
        ("dependency-cycle", 'tasks[3].depends_on[0]: dependency cycle: "a" -> "d" -> "a"'),
    ]


def test_a_file_of_many_unknown_names_has_hints_for_the_first(workflow):
    tasks = [{"name": f"t{index}", "agent_name": "apj", "action": "GET"} for index in range(500)]
    _, diagnostics = examine(read(workflow() | {"tasks": tasks}))
    assert len([d for d in diagnostics if d.hint == 'did you mean "api"? defined: "api"']) == 200
    assert len(diagnostics) == 500


def test_a_file_of_very_many_templates_is_refused(workflow):
    text = "{{ run.id }}"
    data = workflow(task={"parameters": {"json": [text] * 20_001}})
    _, diagnostics = examine(read(data))
    assert [d.code for d in diagnostics] == ["too-many-templates"]
    data = workflow(task={"parameters": {"json": [text] * 20_000}})
    assert examine(read(data))[1] == []


def test_a_string_of_very_many_mistakes_is_read_in_time():
    text = " ".join(["{{ nope }}"] * 900) + "x" * 1_000_000
    task = f'{{name: t, agent_name: a, action: A, parameters: {{json: "{text}"}}}}'
    data = f"name: w\nagents: []\ntasks: [{task}]\n"
    _, diagnostics = examine(read(data))
    assert len([d for d in diagnostics if d.code == "unknown-name"]) == 900


def test_of_a_file_of_very_many_mistakes_thousands_are_reported(workflow):
    data = workflow(task={"parameters": {"json": ["{{ nope }}"] * 6000}})
    draft, _ = examine(read(data))
    assert len(check(draft)) == 5000


@pytest.mark.parametrize(
    ("top", "code", "where"),
    [
        ({"global_timeout": float("inf")}, "not-finite", "global_timeout"),
        ({"name": object()}, "not-plain-data", "name"),
        ({"name": "\ud800"}, "control-character", "name"),
        ({"agents": object()}, "not-plain-data", "agents"),
        ({"inputs": {"n": {"type": "integer", "default": 2**60}}}, "number-too-large", "inputs.n.default"),
    ],
    ids=["infinity", "name-object", "surrogate", "agents-object", "large-number"],
)
def test_what_is_no_plain_data_hides_no_other_mistake(workflow, found, top, code, where):
    problems = found(workflow(task={"agent_name": "apy"}, **top))

    assert [problem[0] for problem in problems] == [code, "unknown-agent"]
    assert problems[0][1].startswith(f"{where}: ")


def test_a_list_that_holds_itself_hides_no_other_mistake(workflow, found):
    circle: list = []
    circle.append(circle)

    assert found(workflow(task={"agent_name": "apy"}, **{"x-circle": circle}))[0] == (
        "self-reference",
        "x-circle[0]: the value contains itself",
    )


def test_of_very_many_cycles_some_are_shown(workflow, found):
    data = workflow()
    names = [f"t{index}" for index in range(30)]
    data["tasks"] = [
        {"name": name, "agent_name": "api", "action": "GET", "depends_on": [n for n in names if n != name]}
        for name in names
    ]

    assert [code for code, _ in found(data)] == ["dependency-cycle"] * 20


def test_a_name_that_is_missing_without_text_is_told_once_where(workflow, found):
    assert found(workflow(task={"name": ""})) == [
        ("invalid-name", "tasks[0].name: a name has 1 to 128 characters, this one 0")
    ]


def test_a_task_that_has_something_to_undo_is_not_answered_from_a_cache(workflow, found):
    data = workflow(task={"action": "POST", "cache": {"ttl": "1h"}, "compensate": {"action": "DELETE"}})
    (message,) = [message for code, message in found(data) if code == "cached-write"]
    assert 'task "fetch" has a call that undoes it, and so changes something' in message


def test_of_a_task_whose_agent_is_wrong_nothing_is_said_about_its_cache(workflow, found):
    data = workflow(task={"agent_name": ["api"], "action": "PUT", "cache": {"ttl": "1h"}})
    assert "cached-write" not in [code for code, _ in found(data)]
