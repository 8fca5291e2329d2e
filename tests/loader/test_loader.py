"""A file, a text or a dict becomes a workflow, or every problem it has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from leadagent_prefect.errors import ConfigurationError
from leadagent_prefect.loader import examine, load, read
from leadagent_prefect.loader.assembly import MAX_AGENTS, MAX_TASKS
from leadagent_prefect.loader.keys import UNSUPPORTED
from leadagent_prefect.models import TaskConfig, Workflow

TEXT = """\
name: news
x-note: not read
agents:
  - {name: api, type: http_api, endpoint: "https://api.example.com"}
tasks:
  - {name: fetch, agent_name: api, action: GET}
"""
DATA: dict[str, Any] = {
    "name": "news",
    "agents": [{"name": "api", "type": "http_api", "endpoint": "https://api.example.com"}],
    "tasks": [{"name": "fetch", "agent_name": "api", "action": "GET"}],
}


def codes(source: Any) -> list[str]:
    return [d.code for d in examine(read(source))[1]]


def test_a_path_a_text_and_a_dict_give_the_same_workflow(tmp_path: Path) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text(TEXT)

    assert load(path).workflow == load(str(path)).workflow == load(TEXT).workflow == load(DATA).workflow
    assert load(path).document.base == tmp_path
    assert load(path).digest == load(TEXT).digest != load(DATA).digest


def test_a_text_that_begins_with_a_brace_is_a_text() -> None:
    text = '{"name": "n", "agents": [{"name": "a", "type": "http_api", "endpoint": "https://x.example"}], '
    text += '"tasks": [{"name": "t", "agent_name": "a", "action": "GET"}]}'

    assert load(text, format="json", filename="body.json").document.filename == "body.json"
    assert load(text).workflow.name == "n"


def test_a_bad_file_raises_with_all_its_problems_in_order() -> None:
    text = TEXT.replace("name: news", "nam: news").replace("action: GET", "acton: GET, timeout: -1")

    with pytest.raises(ConfigurationError) as caught:
        load(text, filename="flow.yaml")

    spans = [d.span for d in caught.value.diagnostics]
    assert {d.code for d in caught.value.diagnostics} >= {"missing-key", "unknown-key", "invalid-duration"}
    assert spans == sorted(spans)
    assert str(caught.value).startswith("flow.yaml:1:1: error[missing-key]")


def test_a_file_that_is_not_there_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file or directory"):
        load(tmp_path / "none.yaml")


@pytest.mark.parametrize("text", ["~\n", "null\n", "---\n!!null ''\n", "5\n", "[]\n", "''\n"])
def test_a_document_that_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="a workflow is a mapping"):
        load(text)


def test_a_json_document_that_is_null_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="this is empty"):
        load("null\n", format="json")


def test_a_broken_part_hides_no_other_and_keeps_its_name() -> None:
    text = TEXT.replace("type: http_api", "type: 5").replace("action: GET}", "action: GET, tags: [x]}")

    draft, found = examine(read(text))

    assert [d.code for d in found] == ["wrong-type", "unknown-key"]
    assert draft.agent_names == {"api": ("agents", 0)}
    assert draft.agents == {}
    assert draft.task_names == {"fetch": ("tasks", 0)}
    assert draft.tasks[("tasks", 0)].action == "GET"
    assert draft.settings is not None
    assert draft.is_broken("agents", 0, "type")
    assert draft.is_broken("tasks", 0, "tags", 0)
    assert not draft.is_broken("tasks", 0, "action")


def test_a_broken_input_is_still_an_input() -> None:
    draft, _ = examine(
        read({**DATA, "inputs": {"a": {"type": "text"}, "b": {"type": "integer", "default": 1}}})
    )

    assert draft.settings is not None
    assert sorted(draft.settings.inputs) == ["a", "b"]
    assert draft.settings.inputs["b"].default == 1
    assert draft.is_broken("inputs", "a", "type")
    assert not draft.is_broken("inputs", "b")


def test_inputs_that_are_no_mapping_are_left_out() -> None:
    draft, found = examine(read({**DATA, "inputs": [1]}))

    assert [d.message for d in found] == ["inputs: inputs is a list, expected a mapping"]
    assert draft.settings is not None


def test_a_workflow_with_a_broken_name_is_still_checked() -> None:
    draft, found = examine(read({**DATA, "name": "a\nb"}))

    assert [d.code for d in found] == ["invalid-name"]
    assert draft.settings is not None


def test_the_names_of_a_dict_are_given_as_paths() -> None:
    assert [
        d.message for d in examine(read({**DATA, "tasks": [{**DATA["tasks"][0], "timeout": "x"}]}))[1]
    ] == ['tasks[0].timeout: task "fetch": timeout is the string "x", which is not allowed']


@pytest.mark.parametrize(
    ("key", "limit", "code"),
    [("agents", MAX_AGENTS, "too-many-agents"), ("tasks", MAX_TASKS, "too-many-tasks")],
)
def test_there_are_at_most_so_many_agents_and_tasks(key: str, limit: int, code: str) -> None:
    def items(count: int) -> list[dict[str, Any]]:
        return [{**DATA[key][0], "name": f"{key}{n}"} for n in range(count)]

    assert code not in codes({**DATA, key: items(limit)})
    assert codes({**DATA, key: items(limit + 1)})[:1] == [code]


def test_a_thousand_problems_are_shown_and_then_it_is_said_that_there_are_more() -> None:
    tasks = "".join(f"  - {{name: t{n}, agent_nam: api, action: GET}}\n" for n in range(MAX_TASKS - 1))
    text = TEXT + tasks

    assert codes(text)[1000:] == ["too-many-problems"]
    assert set(codes(text)[:1000]) <= {"unknown-key", "missing-key", "conflicting-keys", "unused-agent"}


def test_a_part_with_thousands_of_problems_shows_a_thousand() -> None:
    found = examine(read({**DATA, **{f"key_{n}": n for n in range(3000)}}))[1]

    assert [d.code for d in found] == ["unknown-key"] * 1000
    assert found[0].severity == "error"


def test_reading_stops_at_a_thousand_and_one_problems() -> None:
    assert codes("a: {b: 1" + ", b: 2" * 5000 + "}\n") == ["duplicate-key"] * 1000 + ["too-many-problems"]


@pytest.mark.parametrize("value", [None, "x", {"name": "api"}])
def test_agents_and_tasks_are_lists(value: object) -> None:
    draft, found = examine(read({**DATA, "tasks": value}))

    assert [d.code for d in found] == ["wrong-type"]
    assert draft.is_broken("tasks")


def test_a_key_that_is_not_supported_yet_need_not_be_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(UNSUPPORTED, TaskConfig, frozenset({"repeat", "outputs", "tasks"}))
    text = TEXT.replace("action: GET", "action: GET, repeat: 5, outputs: [1], tasks: []")

    assert [(d.code, d.message.split('"')[1]) for d in examine(read(text))[1]] == [
        ("unused-agent", "api"),
        ("not-supported-yet", "repeat"),
        ("not-supported-yet", "outputs"),
        ("not-supported-yet", "tasks"),
    ]


@pytest.mark.parametrize("key", ["on_failure", "finally"])
def test_lists_that_are_not_supported_yet_are_still_read(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(UNSUPPORTED, Workflow, frozenset({key}))
    draft, found = examine(read({**DATA, key: [{"name": "tidy", "agent_name": "api", "action": "GET"}]}))

    assert [d.code for d in found] == ["not-supported-yet"]
    assert draft.tasks[key, 0].name == "tidy"


def test_a_number_that_cannot_be_read_is_complained_of_once() -> None:
    assert codes("name: n\nglobal_timeout: .nan\nmax_parallel_tasks: 1e999\n" + TEXT.split("\n", 1)[1]) == [
        "not-finite",
        "not-finite",
    ]


def nested(*tasks: Any, **more: Any) -> dict[str, Any]:
    return {**DATA, "tasks": [*DATA["tasks"], {"name": "body", "tasks": [*tasks], **more}]}


def test_tasks_within_tasks_are_read_to_any_depth() -> None:
    inner = {
        "name": "inner",
        "tasks": [{"name": "leaf", "value": 1}],
        "outputs": {"a": "{{ tasks.leaf.result }}"},
    }

    workflow = load(
        {**nested(inner), "finally": [{"name": "last", "tasks": [{"name": "end", "value": 2}]}]}
    ).workflow

    (_, body), (last,) = workflow.tasks, workflow.finally_
    assert body.tasks is not None
    assert body.tasks[0].tasks is not None
    assert last.tasks is not None
    assert body.tasks[0].tasks[0].value == 1
    assert body.tasks[0].model_fields_set == {"name", "tasks", "outputs"}
    assert last.tasks[0].name == "end"
    assert body == type(body).model_validate(body.model_dump(exclude_unset=True, by_alias=True))


def test_a_task_within_a_task_that_is_broken_hides_no_other() -> None:
    draft, found = examine(
        read(
            nested(
                {"name": "a", "value": 1, "timeot": 1}, {"value": 2}, 3, {"name": "d", "value": 4}, wait="x"
            )
        )
    )

    assert [(d.code, d.message) for d in found if d.code != "conflicting-keys"] == [
        ("invalid-duration", 'tasks[1].wait: task "body": wait is the string "x", which is not allowed'),
        ("missing-key", 'tasks[1].tasks[1].name: required key "name" is missing in tasks[1].tasks[1]'),
        ("unknown-key", 'tasks[1].tasks[0].timeot: unknown key "timeot" in task "a"'),
        ("wrong-type", "tasks[1].tasks[2]: tasks[1].tasks[2] is the number 3, expected a mapping"),
    ]
    assert draft.tasks["tasks", 1, "tasks", 1].name == "tasks[1].tasks[1]"
    assert draft.tasks["tasks", 1, "tasks", 3].value == 4


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ([], "tasks[1].tasks: tasks[1].tasks needs at least one task"),
        (None, "tasks[1].tasks: tasks[1].tasks is empty, expected a list"),
        ("x", 'tasks[1].tasks: tasks[1].tasks is the string "x", expected a list'),
    ],
)
def test_a_task_has_tasks_in_a_list_or_none(tasks: object, message: str) -> None:
    _, found = examine(read({**nested(), "tasks": [DATA["tasks"][0], {"name": "body", "tasks": tasks}]}))

    assert [d.message for d in found] == [message]


def test_tasks_are_counted_at_every_depth() -> None:
    inner = [{"name": f"t{n}", "value": n} for n in range(MAX_TASKS - 3)]
    last = {"finally": [{"name": "last", "value": 1}]}

    assert "too-many-tasks" not in codes({**nested(*inner), **last})
    ((code, message),) = [
        (d.code, d.message) for d in examine(read({**nested(*inner, {"name": "x", "value": 1}), **last}))[1]
    ]
    assert (code, message) == ("too-many-tasks", "tasks: 5,001 tasks, at most 5,000 are allowed")
