from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from leadagent_prefect.errors import TemplateError
from leadagent_prefect.templates import render

ARTICLES = [
    {"id": 1, "title": "Sun", "by": {"name": "Ann"}, "tags": ["a", "b"], "score": 2.5},
    {"id": 2, "title": "wind", "by": {"name": "bob"}, "tags": [], "score": 1.0},
    {"id": 3, "title": "Rain", "by": {"name": "Ann"}, "score": 4},
]


class Namespace(Mapping[str, str]):
    """A lazy namespace: looked up key by key, and it says where it looked."""

    def __init__(self, **values: str) -> None:
        self.values_ = values

    def __getitem__(self, name: str) -> str:
        if name == "SILENT":
            raise KeyError(name)
        try:
            return self.values_[name]
        except KeyError:
            raise KeyError(f"{name} is no environment variable") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)


@pytest.fixture
def scope() -> dict[str, Any]:
    return {
        "inputs": {
            "n": 7,
            "name": "Ada",
            "list": ["b", "a", "B"],
            "empty": [],
            "nothing": None,
            "flag": True,
        },
        "tasks": {
            "fetch": {
                "result": {"articles": ARTICLES, "items": [1, 2, 3], "keys": {"a": 1.5}, "text": "x <b> ünï"},
                "status": "completed",
                "error": None,
            },
            "odd name": {"result": None},
        },
        "env": Namespace(HOME="/root"),
        "run": {"started_at": "2026-03-01T09:30:05.250Z", "id": "r-1"},
    }


@pytest.fixture
def value(scope: dict[str, Any]) -> Callable[[str], Any]:
    """The value of an expression over the scope."""

    def evaluate(expression: str) -> Any:
        return render(f"{{{{ {expression} }}}}", scope)

    return evaluate


@pytest.fixture
def failure(value: Callable[[str], Any]) -> Callable[[str], str]:
    """Why an expression fails, without the expression itself."""

    def evaluate(expression: str) -> str:
        with pytest.raises(TemplateError) as caught:
            value(expression)
        return str(caught.value).partition("}}: ")[2]

    return evaluate
