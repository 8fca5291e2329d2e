"""A dict given by a program: plain data, copied."""

from __future__ import annotations

import json
from collections import OrderedDict
from types import MappingProxyType
from typing import Any

import pytest

from leadagent_prefect.models import AgentType
from leadagent_prefect.source import digest, read_data


def test_plain_data_is_copied_into_plain_classes() -> None:
    inner: list[Any] = [1, 2.5, None, True, "x"]
    given = OrderedDict(a=inner, b=(1, 2), c=MappingProxyType({"d": AgentType.HTTP_API}))

    document = read_data(given)
    inner.append("later")

    assert document.problems == []
    assert document.data == {"a": [1, 2.5, None, True, "x"], "b": [1, 2], "c": {"d": "http_api"}}
    assert type(document.data["c"]["d"]) is str
    assert json.loads(document.text) == document.data


def test_equal_dicts_have_the_same_digest() -> None:
    assert digest(read_data({"a": 1})) == digest(read_data({"a": 1}))
    assert digest(read_data({"a": 1})) != digest(read_data({"a": 2}))


CYCLE: list[Any] = []
CYCLE.append(CYCLE)
DEEP: Any = 1
for _ in range(70):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("value", "code", "message"),
    [
        (float("nan"), "not-finite", "tasks[1].timeout: nan is not a finite number"),
        (float("-inf"), "not-finite", "tasks[1].timeout: -inf is not a finite number"),
        (2**53 + 1, "number-too-large", "tasks[1].timeout: a number beyond 2^53"),
        pytest.param(10**5000, "number-too-large", "tasks[1].timeout: a number beyond 2^53", id="long"),
        (object(), "not-plain-data", 'tasks[1].timeout: an object of class "object" is not plain data'),
        ({1, 2}, "not-plain-data", 'tasks[1].timeout: an object of class "set" is not plain data'),
        (b"x", "not-plain-data", 'tasks[1].timeout: an object of class "bytes" is not plain data'),
        ("\ud800", "control-character", "tasks[1].timeout: half of a surrogate pair in a string"),
        ({1: 2}, "non-string-key", 'tasks[1].timeout: the key "1" is not a string'),
        ({"\udfff": 2}, "control-character", "tasks[1].timeout: half of a surrogate pair in a string"),
        (CYCLE, "self-reference", "tasks[1].timeout[0]: the value contains itself"),
        (DEEP, "too-deep", "tasks: more than 64 levels of lists and mappings"),
        ({"a b": 1e999}, "not-finite", 'tasks[1].timeout["a b"]: inf is not a finite number'),
    ],
)  # fmt: skip
def test_what_is_not_plain_data_is_named_by_its_path(value: object, code: str, message: str) -> None:
    document = read_data({"tasks": [0, {"timeout": value}]})

    assert [(d.code, d.message, d.span) for d in document.problems] == [(code, message, None)]
    assert (document.data is None) == (code == "too-deep")


def test_the_same_list_twice_is_no_cycle() -> None:
    row = [1]

    assert read_data({"a": row, "b": [row, row]}).problems == []


def test_all_problems_are_told() -> None:
    assert len(read_data({"a": object(), "b": {2: float("nan")}}).problems) == 3


def test_zero_or_none_stands_for_what_is_not_plain_data() -> None:
    document = read_data({"a": [float("nan"), 2**60, object(), "\ud800"], "b": 1})

    assert document.data == {"a": [0, 0, None, "\ufffd"], "b": 1}
    assert document.unread == {("a", 0), ("a", 1), ("a", 2), ("a", 3)}
