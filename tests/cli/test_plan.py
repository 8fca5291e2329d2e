"""``leadagent plan`` and the numbers of its worst case."""

from __future__ import annotations

import json

import pytest

from leadagent_prefect.cli.plan_report import plan_report
from leadagent_prefect.loader import load
from leadagent_prefect.plan import build

AGENT = {"name": "a", "type": "http_api", "endpoint": "http://127.0.0.1", "timeout": 10}


CALLING_NOBODY = {"value", "wait", "fail", "finish"}


def report(*tasks, agent=AGENT, **settings):
    call = {"agent_name": "a", "action": "GET"}
    tasks = [({} if CALLING_NOBODY & task.keys() else call) | task for task in tasks]
    return plan_report(build(load({"name": "w", "agents": [agent], "tasks": tasks, **settings}).workflow))


def worst(*tasks, **settings):
    found = report(*tasks, **settings)["worst_case"]
    return found["calls"], found["seconds"]


CHAIN = ({"name": "x"}, {"name": "y", "depends_on": ["x"]}, {"name": "z"})


def test_one_at_a_time_takes_the_sum():
    assert worst(*CHAIN) == (3, 30.0)


def test_all_at_once_takes_the_costliest_chain():
    assert worst(*CHAIN, parallel_execution=True) == (3, 20.0)


def test_a_bounded_number_at_a_time_takes_no_more_than_grahams_bound():
    tasks = [{"name": f"t{n}"} for n in range(4)]
    assert worst(*tasks, parallel_execution=True, max_parallel_tasks=2) == (4, 25.0)  # 40 / 2 + 10 / 2


def test_every_attempt_and_every_wait_counts():
    retries = {"max_attempts": 3, "initial_delay": 1, "max_delay": 7}
    assert worst({"name": "x", "timeout": 2, "retry_config": retries}) == (3, 2 * 3 + 7 * 2)


def test_the_run_takes_no_longer_than_its_global_timeout():
    assert worst(*CHAIN, global_timeout=12) == (3, 12.0)


def test_tasks_stand_behind_what_they_wait_for():
    found = report({"name": "b", "depends_on": ["a"]}, {"name": "a"})
    assert [(task["name"], task["waits_for"]) for task in found["tasks"]] == [("a", []), ("b", ["a"])]


def test_who_calls_nobody_takes_no_time_but_for_a_wait():
    tasks = (
        {"name": "x"},
        {"name": "v", "value": 1},
        {"name": "w", "wait": "5m"},
        {"name": "f", "finish": "x"},
    )
    assert worst(*tasks) == (1, 310.0)
    assert worst(*tasks, parallel_execution=True) == (1, 300.0)


def test_every_item_of_a_map_counts_where_they_are_known():
    each = {"name": "x", "for_each": [1, 2, 3, 4, 5], "max_concurrency": 2}
    assert worst(each) == (5, 30.0)  # two at a time, three times
    assert worst(each, parallel_execution=True, max_parallel_tasks=5) == (5, 30.0)
    assert worst(each, parallel_execution=True, max_parallel_tasks=2) == (5, 30.0)  # no more than 2 can meet
    one_at_a_time = each | {"max_concurrency": 1}
    # 60 / 1: with a task beside it two can meet, and there is room for one.
    assert worst(one_at_a_time, {"name": "y"}, parallel_execution=True, max_parallel_tasks=1) == (6, 60.0)


def test_a_map_over_what_is_not_known_counts_as_one_and_says_so(leadagent, folder):
    each = {"name": "x", "for_each": "{{ inputs.n }}"}
    assert worst(each, inputs={"n": {"type": "array"}}) == (1, 10.0)
    workflow = {
        "name": "w",
        "inputs": {"n": {"type": "array"}},
        "tasks": [{**each, "value": 1}, {"name": "y", "for_each": [7], "value": 1}],
    }
    (folder / "flow.json").write_text(json.dumps(workflow))
    shown = leadagent("plan", "flow.json").out
    assert "   for each of {{ inputs.n }}\n" in shown
    assert "   for each of 1\n" in shown
    assert "(how many items these have is not known, and they are counted as one: x)" in shown


def test_kinds_rules_and_conditions_are_in_the_report():
    found = report(
        {"name": "x", "when": "{{\n  inputs.deep\n}}"},
        {"name": "y", "fail": "no", "depends_on": ["x"], "trigger_rule": "one_failed", "when": False},
        inputs={"deep": {"type": "boolean", "default": True}},
    )
    keys = ("kind", "agent", "action", "waits_for", "trigger_rule", "when")
    assert [tuple(task[key] for key in keys) for task in found["tasks"]] == [
        ("call", "a", "GET", [], "all_success", "{{\n  inputs.deep\n}}"),
        ("fail", None, None, ["x"], "one_failed", False),
    ]


def test_the_text_shows_kinds_rules_and_conditions(leadagent, folder):
    (folder / "flow.yaml").write_text(
        "name: w\ninputs: {deep: {type: boolean, default: true}}\ntasks:\n"
        "  - {name: count, value: 1, when: '{{\n\n inputs.deep }}'}\n"
        "  - {name: pause, wait: 90, depends_on: [count], when: true}\n"
        "  - {name: alarm, fail: 'no {{ tasks.count.error }}', trigger_rule: one_failed}\n"
    )
    done = leadagent("plan", "flow.yaml")
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        "w 1.0.0: 3 tasks, one at a time\n"
        "On a failure: stop_on_first_failure\n"
        "Input: deep (boolean)\n"
        "\n"
        "1. count  [value]\n"
        "   when {{ inputs.deep }}\n"
        "2. pause  [wait]\n"
        "   waits for count\n"
        "   when true\n"
        "   waits 1m 30s\n"
        "3. alarm  [fail]\n"
        "   waits for count\n"
        "   runs by the rule one_failed\n"
        "\n"
        "Worst case: 0 calls, 1m 30s\n"
    )


def test_the_text_has_order_retries_and_worst_case(leadagent, workflow):
    retries = "    retry_config: {max_attempts: 8, initial_delay: 90, max_delay: 3600, jitter: false}\n"
    done = leadagent("plan", workflow(more=retries + "    continue_on_failure: true\n"))
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        "scripted 1.0.0: 2 tasks, one at a time\n"
        "On a failure: stop_on_first_failure\n"
        "Input: topic (string)\n"
        "Input: count (integer)\n"
        "\n"
        "1. first  [script: echo]\n"
        "   1 attempt of at most 30s\n"
        "2. second  [script: echo]; a failure is tolerated\n"
        "   waits for first\n"
        "   up to 8 attempts of at most 30s; waits 1m 30s, 3m, 6m, 12m, 24m, ...\n"
        "   again on connection, rate_limit, server_error, timeout\n"
        "\n"
        "Worst case: 9 calls, 7h 4m 30s\n"
        "  (a service's Retry-After may make each wait as long as max_delay; that is counted)\n"
    )


def test_required_inputs_and_secrets_are_named(leadagent, folder):
    (folder / "flow.yaml").write_text(
        "name: w\nparallel_execution: true\ninputs: {q: {type: string}}\n"
        'agents: [{name: a, type: http_api, endpoint: "http://127.0.0.1", '
        'authentication: {type: bearer, token: "{{ secrets.TOKEN }}"}}]\n'
        'tasks: [{name: t, agent_name: a, action: GET, parameters: {params: {q: "{{ inputs.q }}"}}, '
        "retry_config: {max_attempts: 2}}]\n"
    )
    out = leadagent("plan", "flow.yaml").out
    assert out.startswith("w 1.0.0: 1 task, up to 50 at a time\n")
    assert "Input: q (string, required)\nSecrets: TOKEN\n" in out
    assert "waits 1s, less up to half by jitter\n" in out


def test_a_task_that_may_be_answered_from_the_cache_says_so_and_counts(leadagent, workflow):
    done = leadagent("plan", workflow(more="    cache: {ttl: 90m}\n"))
    assert "   no call where an equal one of the last 1h 30m has been answered\n" in done.out
    assert "Worst case: 2 calls, 1m\n" in done.out
    tasks = leadagent("plan", "flow.yaml", "--json").json["tasks"]
    assert [task["cache"] for task in tasks] == [None, 5400]


def test_json_is_the_report(leadagent, workflow):
    done = leadagent("plan", workflow(), "--json")
    assert done.json["worst_case"] == {"calls": 2, "seconds": 60.0}
    assert [task["name"] for task in done.json["tasks"]] == ["first", "second"]


@pytest.mark.parametrize("command", ["plan", "graph"])
def test_a_task_with_tasks_in_it_is_shown_open_or_closed(leadagent, folder, command):
    inner = [{"name": "inside", "value": 1}]
    workflow = {"name": "w", "tasks": [{"name": "x", "tasks": inner}], "finally": [{"name": "z", "value": 1}]}
    (folder / "flow.json").write_text(json.dumps(workflow))
    opened, closed = (leadagent(command, "flow.json", *flag).out for flag in ([], ["--closed"]))
    assert ("inside" in opened, "inside" in closed) == (True, False)
    assert "z  [value]" in opened
    assert "z  [value]" in closed


@pytest.mark.parametrize("command", ["plan", "graph"])
def test_billions_of_tasks_in_tasks_are_shown_closed_alone(leadagent, folder, command):
    (folder / "w0.json").write_text(json.dumps({"name": "w0", "tasks": [{"name": "x", "value": 1}]}))
    for level in range(1, 10):
        tasks = [{"name": f"s{n}", "workflow": f"w{level - 1}.json"} for n in range(10)]
        (folder / f"w{level}.json").write_text(json.dumps({"name": f"w{level}", "tasks": tasks}))
    done = leadagent(command, "w9.json")
    assert (done.code, done.out) == (2, "")
    # 10 of the first level, 100 of the next, ...; the last has 10 ** 9 sub-workflows of one task.
    assert "w9: with all sub-workflows opened there are 2,111,111,110 tasks to show: use --closed" in done.err
    assert "s9  [workflow: w8.json]" in leadagent(command, "w9.json", "--closed").out


@pytest.mark.parametrize("command", ["plan", "graph"])
def test_a_broken_file_has_no_plan(leadagent, folder, command):
    (folder / "flow.yaml").write_text("name: x\n")
    done = leadagent(command, "flow.yaml")
    assert (done.code, done.out) == (2, "")
    assert "error[missing-key]" in done.err


def test_what_undoes_a_task_is_told_beside_the_worst_case(leadagent, folder):
    undo = {"action": "DELETE", "retry_config": {"max_attempts": 3, "max_delay": 7}}
    found = report({"name": "x", "compensate": undo}, {"name": "y", "compensate": {"action": "GET"}})
    assert found["tasks"][0]["compensate"] == {
        "agent": "a",
        "action": "DELETE",
        "attempts": 3,
        "attempt_seconds": 10,
    }
    assert found["worst_case"] == {"calls": 2, "seconds": 20.0}
    assert found["compensation"] == {"calls": 4, "seconds": 3 * 10 + 2 * 7 + 10}
    (folder / "undo.json").write_text(
        json.dumps(
            {
                "name": "w",
                "agents": [AGENT],
                "tasks": [
                    {"name": "x", "agent_name": "a", "action": "GET", "compensate": undo},
                    {"name": "y", "agent_name": "a", "action": "GET", "compensate": {"action": "GET"}},
                ],
            }
        )
    )
    lines = leadagent("plan", "undo.json").out.splitlines()
    assert "   undone by [a: DELETE], up to 3 attempts of at most 10s" in lines
    assert "   undone by [a: GET], 1 attempt of at most 10s" in lines
    assert "Undoing all of it: 4 calls, 54s more" in lines
