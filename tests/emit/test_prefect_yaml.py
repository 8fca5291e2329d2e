"""prefect.yaml: the workflows' own keys follow them, every other byte stays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from leadagent_prefect.emit.deployment import Deployment
from leadagent_prefect.emit.prefect_yaml import Tuned, update
from leadagent_prefect.errors import ConfigurationError

DIGEST = Deployment("digest", "flows/digest.py:digest", "1.0.0", None, (), ())
FULL = replace(
    DIGEST,
    version="2.0",
    description="Reads the news.\nEvery day.",
    tags=("news", "on"),
    schedules=(
        {
            "cron": "0 9 * * 1-5",
            "timezone": "Europe/Berlin",
            "parameters": {"topic": "12:30"},
            "active": True,
        },
        {"interval": 90, "anchor_date": "2020-01-01T00:00:00+00:00", "active": False},
    ),
)
OTHER = Deployment("other", "flows/other.py:other", "1.0.0", None, (), ())

NASTY = """\
# top comment
name:   demo      # aligned
prefect-version: 3.8.8

x-defaults: &pool {name: mine,   work_queue_name: "q"}   # anchor

build:    # nothing
pull:
    - prefect.deployments.steps.set_working_directory:
          directory: '/srv/it''s'

deployments:
  # first, mine
  - name: "mine"
    entrypoint:   other.py:mine   # mine
    description: a very long plain line that goes on and on and on and on and on and on and on and on and on
      and continues here
    tags: [ a,  'b' , "c" ]
    work_pool: *pool
    parameters:
      when: 12:30
      yes_: yes
      text: >-
        folded
        text

      # trailing comment in parameters
  # ours
  - name: digest   # the name
    # where it is
    entrypoint: 'old/flows/digest.py:digest'
    version: "1.0.0"     # bumped by compile
    description: short   # about it
    tags: []             # none yet
    # when it runs
    schedules:
    # every morning
    -   cron: "0 8 * * *"   # early
        active: true
    work_pool: {name: tuned,   work_queue_name: fast}
    job_variables: {}
    concurrency_limit: 3
    # the end of ours

# odd comment at column 0
  - {name: flow-style, entrypoint: a.py:b}
"""


def data(text: str) -> Any:
    return yaml.safe_load(text)


def entries(text: str) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in data(text)["deployments"]}


def lines_gone(before: str, after: str) -> list[str]:
    """The lines of ``before``, in order, that ``after`` has not."""
    left = after.splitlines()
    gone = []
    for line in before.splitlines():
        if line in left:
            del left[: left.index(line) + 1]
        else:
            gone.append(line)
    return gone


def refusal(text: str | None, *deployments: Deployment, **options: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        update(text, deployments, **options)
    return str(caught.value)


def test_a_file_is_made_with_everything_an_entry_can_say():
    assert (
        update(None, [FULL, OTHER])
        == """\
# Deployments of workflows. `leadagent compile` and `leadagent deploy` keep entrypoint, version, description,
# tags and schedules of theirs in step with the workflow files; all else in here is yours.
# `prefect deploy` wants the work pool to be there: `leadagent worker` and `leadagent deploy` make it, as does
# `prefect work-pool create leadagent --type leadagent`.
deployments:
- name: digest
  entrypoint: flows/digest.py:digest
  version: '2.0'
  description: |-
    Reads the news.
    Every day.
  tags:
  - news
  - 'on'
  schedules:
  - cron: 0 9 * * 1-5
    timezone: Europe/Berlin
    parameters:
      topic: '12:30'
    active: true
  - interval: 90
    anchor_date: '2020-01-01T00:00:00+00:00'
    active: false
  parameters: {}
  concurrency_limit: null
  work_pool:
    name: leadagent
- name: other
  entrypoint: flows/other.py:other
  version: 1.0.0
  tags: []
  schedules: []
  parameters: {}
  concurrency_limit: null
  work_pool:
    name: leadagent
"""
    )


def test_what_has_not_changed_is_not_written_anew():
    text = update(None, [FULL, OTHER])
    assert update(text, [OTHER, FULL]) is text
    assert update(NASTY, []) is NASTY


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("end", ["", "\n"])
def test_a_file_written_by_hand_keeps_all_but_the_workflows_own_keys(newline, end):
    before = (NASTY.rstrip("\n") + end).replace("\n", newline)
    after = update(before, [FULL, OTHER])
    assert lines_gone(before, after) == [
        "    entrypoint: 'old/flows/digest.py:digest'",
        '    version: "1.0.0"     # bumped by compile',
        "    description: short   # about it",
        "    tags: []             # none yet",
        '    -   cron: "0 8 * * *"   # early',
        "        active: true",
    ]
    assert after.count("\n") == after.count(newline)
    assert after.endswith("\n") == bool(end)
    for comment in ("     # bumped by compile", "   # about it", "             # none yet"):
        assert comment in after
    digest = entries(after)["digest"]
    assert {key: digest[key] for key in FULL.owned} == FULL.owned
    assert digest["work_pool"] == {"name": "tuned", "work_queue_name": "fast"}
    assert digest["concurrency_limit"] == 3
    assert "parameters" not in digest
    assert list(entries(after)) == ["mine", "digest", "flow-style", "other"]
    assert {**data(after), "deployments": []} == {**data(before), "deployments": []}
    assert update(after, [FULL, OTHER]) is after


def test_a_key_that_is_missing_comes_behind_the_one_before_it():
    text = (
        "deployments:\n  - name: digest\n    entrypoint: flows/digest.py:digest\n"
        "    x: |+\n      kept\n\n# end\n"
    )
    assert update(text, [replace(DIGEST, description="d")]) == (
        "deployments:\n  - name: digest\n    entrypoint: flows/digest.py:digest\n"
        "    version: 1.0.0\n    description: d\n    tags: []\n    schedules: []\n"
        "    x: |+\n      kept\n\n# end\n"
    )


def test_an_entry_comes_behind_the_comments_of_the_one_before_it():
    text = "deployments:\n- name: mine\n  # x: 1\n\n  # y: 1\n# the name\nname: x\n"
    assert update(text, [DIGEST]).startswith(
        "deployments:\n- name: mine\n  # x: 1\n\n  # y: 1\n- name: digest\n"
    )
    assert update(text, [DIGEST]).endswith("    name: leadagent\n# the name\nname: x\n")


def test_schedules_that_are_no_list_are_replaced():
    text = "deployments:\n- {name: digest, entrypoint: flows/digest.py:digest, schedules: 5}\n"
    assert entries(update(text, [DIGEST]))["digest"]["schedules"] == []


def test_a_description_that_is_gone_goes_with_its_lines():
    text = update(None, [FULL])
    after = update(text, [replace(FULL, description=None, tags=())])
    assert "description:" not in after
    assert after == update(None, [replace(FULL, description=None, tags=())])
    first = "deployments:\n- description: x\n  name: digest\n  entrypoint: flows/digest.py:digest\n"
    assert update(first, [DIGEST]).startswith("deployments:\n- name: digest\n  entrypoint:")


def test_flow_style_is_kept():
    text = (
        "deployments: [{name: digest, entrypoint: flows/digest.py:digest, description: x, tags: }]  # mine\n"
    )
    after = update(text, [replace(DIGEST, tags=("a, b",)), OTHER])
    assert after.count("\n") == 1
    assert after.endswith("]  # mine\n")
    assert entries(after)["digest"] == {
        "name": "digest", "entrypoint": "flows/digest.py:digest", "version": "1.0.0", "tags": ["a, b"],
        "schedules": [],
    }  # fmt: skip
    assert entries(after)["other"]["work_pool"] == {"name": "leadagent"}
    assert entries(update(text, [FULL]))["digest"]["description"] == FULL.description
    last = "deployments: [{name: digest, entrypoint: flows/digest.py:digest, description: x}]"
    assert "description" not in update(last, [DIGEST])


@pytest.mark.parametrize(
    ("before", "start"),
    [
        ("", "# Deployments"),
        ("# only a comment", "# only a comment\ndeployments:\n- name: digest\n"),
        ("name: x", "name: x\ndeployments:\n- name: digest\n"),
        ("a: 1\r\n", "a: 1\r\ndeployments:\r\n- name: digest\r\n"),
        ("deployments:  # none yet\n# then\nname: x\n", "deployments:  # none yet\n- name: digest\n"),
        ("deployments: []  # none yet\nname: x\n", "deployments:  # none yet\n- name: digest\n"),
        ("deployments: ~\n", "deployments:\n- name: digest\n"),
        ("\ufeffname: x\n", "\ufeffname: x\ndeployments:\n- name: digest\n"),
        ("  name: x\n", "  name: x\n  deployments:\n  - name: digest\n"),
    ],
)
def test_a_list_of_deployments_is_made_where_there_is_none(before, start):
    after = update(before, [DIGEST])
    assert after.startswith(start)
    assert list(entries(after)) == ["digest"]
    assert "name: x" not in before or data(after)["name"] == "x"


def test_odd_text_is_read_as_it_was_meant():
    texts = (
        "yes",
        "1.0",
        "0o17",
        "1_000",
        "2024-01-01",
        "~",
        "",
        " x ",
        "a: b # c",
        "ü\u202e",
        "\U0001f600",
        "\0",
    )
    odd = replace(DIGEST, version="1e3", description="  a\n\tb \n\n", tags=texts)
    text = update(None, [odd])
    assert entries(text)["digest"]["tags"] == list(texts)
    assert entries(text)["digest"]["description"] == "  a\n\tb \n\n"
    assert entries(text)["digest"]["version"] == "1e3"
    assert "\u202e" not in text
    assert update(text, [odd]) is text


def test_options_are_laid_over_what_a_user_tuned():
    tuned = Tuned(pool="docker", concurrency_limit=2, parameters={"topic": "wind", "count": 3})
    fresh = entries(update(None, [DIGEST], tuned=tuned))["digest"]
    assert (fresh["work_pool"], fresh["concurrency_limit"]) == ({"name": "docker"}, 2)
    assert fresh["parameters"] == {"topic": "wind", "count": 3}
    text = update(None, [DIGEST])
    assert entries(update(text, [DIGEST], tuned=tuned))["digest"] == fresh
    by_hand = text.replace("parameters: {}", "parameters:\n    topic: sun  # dear\n    x: 1").replace(
        "concurrency_limit: null", "concurrency_limit: {limit: 1, collision_strategy: CANCEL_NEW}"
    )
    after = update(by_hand, [DIGEST], tuned=tuned)
    assert "    topic: wind  # dear\n    x: 1\n    count: 3\n" in after
    assert "concurrency_limit: {limit: 2, collision_strategy: CANCEL_NEW}" in after
    assert update(after, [DIGEST], tuned=tuned) is after
    bare = "deployments:\n- name: digest\n  entrypoint: flows/digest.py:digest\n"
    assert entries(update(bare, [DIGEST], tuned=tuned))["digest"]["work_pool"] == {"name": "docker"}


def test_a_schedule_that_is_gone_is_switched_off_where_prefect_would_let_it_run():
    text = update(None, [FULL])
    off = entries(update(text, [replace(FULL, schedules=())]))["digest"]["schedules"]
    assert off == [{**item, "active": False} for item in FULL.schedules]
    # Of several without a slug Prefect deletes those that are gone by itself.
    fewer = replace(FULL, schedules=FULL.schedules[:1])
    assert entries(update(text, [fewer]))["digest"]["schedules"] == list(fewer.schedules)
    forgotten = update(text, [replace(FULL, schedules=())], keep_gone=False)
    assert entries(forgotten)["digest"]["schedules"] == []


def test_a_schedule_with_a_slug_that_is_gone_stays_and_all_have_slugs_then():
    slugged = replace(DIGEST, schedules=({"cron": "0 9 * * *", "active": True, "slug": "schedule-1"},))
    text = update(None, [slugged])
    plain = replace(DIGEST, schedules=({"cron": "0 7 * * *", "active": True},))
    after = update(text, [plain])
    assert entries(after)["digest"]["schedules"] == [
        {"cron": "0 7 * * *", "active": True, "slug": "schedule-2"},
        {"cron": "0 9 * * *", "active": False, "slug": "schedule-1"},
    ]
    assert update(after, [plain]) is after
    assert entries(update(after, [slugged]))["digest"]["schedules"] == [
        {"cron": "0 9 * * *", "active": True, "slug": "schedule-1"},
        {"cron": "0 7 * * *", "active": False, "slug": "schedule-2"},
    ]


def test_an_entry_that_leads_elsewhere_is_taken_over_with_force_alone():
    text = "deployments:\n- name: digest\n  entrypoint: mine.py:run\n"
    assert refusal(text, DIGEST) == (
        'prefect.yaml:2:3: the deployment "digest" is there already and leads to mine.py:run, not to '
        "flows/digest.py:digest: rename it or the workflow, or let --force take it over"
    )
    assert entries(update(text, [DIGEST], force=True))["digest"]["entrypoint"] == DIGEST.entrypoint
    both = text + "- name: digest\n  entrypoint: build\\digest.py:digest\n"
    assert [entry["entrypoint"] for entry in data(update(both, [DIGEST]))["deployments"]] == [
        "mine.py:run",
        "flows/digest.py:digest",
    ]


def test_two_workflows_of_one_name_are_an_error():
    twin = replace(DIGEST, entrypoint="flows/digest-2.py:digest")
    assert "two workflows become one deployment" in refusal(None, DIGEST, twin)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1\n", "prefect.yaml:2:1: this is no YAML: expected ',' or ']'"),
        ("a: \t\x01", "prefect.yaml: this is no YAML: "),
        ("a: 2026-13-45", "prefect.yaml: this is no YAML: month must be"),
        ("a: &a [*a]", "prefect.yaml: this is no YAML: "),
        ("a: 1\n--- \nb: 2\n", "this is no YAML"),
        ("- 1", "prefect.yaml:1:1: expected a mapping in block style"),
        ("{a: 1}", "prefect.yaml:1:1: expected a mapping in block style"),
        ("a: 1\ndeployments: x", "prefect.yaml:2:14: deployments is no list"),
        ("a: &a [x]\ndeployments: *a", "prefect.yaml:2:14: deployments is no list"),
        ("a: &a {deployments: [x]}\n<<: *a", "prefect.yaml:1:1: deployments is no list"),
        ("deployments:\n- x", "prefect.yaml:2:3: an entry of deployments is a mapping"),
        (
            "deployments:\n- name: digest\n  entrypoint: digest.py:digest\n  name: digest",
            'prefect.yaml:4:3: the key "name" stands twice',
        ),
        ("deployments: []\ndeployments: []", 'prefect.yaml:2:1: the key "deployments" stands twice'),
        (
            "deployments:\n- &a {name: digest, entrypoint: digest.py:digest}\n- *a",
            'prefect.yaml:3:3: the deployment "digest" stands twice',
        ),
        (
            "a: &a {name: digest, entrypoint: digest.py:digest}\ndeployments:\n- *a",
            'prefect.yaml:3:3: the deployment "digest" is an alias',
        ),
        (
            "deployments:\n- name: digest\n  entrypoint: digest.py:digest\n  schedule: {cron: x}",
            "prefect.yaml:4:3: schedule stands beside schedules, which Prefect refuses",
        ),
        (
            "deployments:\n- name: digest\n  entrypoint: digest.py:digest\n  tags: &t [x]\n  more: *t",
            "prefect.yaml: it is written in a way that can't be kept in step",
        ),
        (
            "deployments:\n- &d\n  name: digest\n  entrypoint: digest.py:digest\nx: *d",
            "prefect.yaml: it is written in a way that can't be kept in step",
        ),
    ],
)
def test_a_file_that_cannot_be_kept_in_step_is_refused_with_the_place(text, message):
    assert message in refusal(text, DIGEST)


def test_keys_that_come_by_an_anchor_are_overruled_where_they_stand():
    text = (
        "x: &x {version: '9', description: d, work_pool: {name: p}}\n"
        "deployments:\n- <<: *x\n  name: digest\n  entrypoint: flows/digest.py:digest\n"
    )
    entry = entries(update(text, [DIGEST]))["digest"]
    assert (entry["version"], entry["description"], entry["work_pool"]) == ("1.0.0", None, {"name": "p"})
