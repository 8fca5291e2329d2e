"""docs/language.md is whole: every key that works now is on it, and every expression gives what it says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from fences import fences
from pydantic import BaseModel

from leadagent_prefect import models
from leadagent_prefect.loader.keys import UNSUPPORTED
from leadagent_prefect.templates import render
from leadagent_prefect.templates.filters import FILTERS, TESTS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "language.md"
FENCES = fences(PAGE.read_text())
SCOPE = next(json.loads(fence.text) for fence in FENCES if fence.title == "scope.json")
EXPRESSIONS = [
    tuple(re.split(r"\s{2,}", line, maxsplit=1))
    for fence in FENCES
    if "templates" in fence.options
    for line in fence.text.splitlines()
]
MODELS = [
    model
    for model in vars(models).values()
    if isinstance(model, type) and issubclass(model, BaseModel) and model.__module__ == models.__name__
    if model.__name__[0] != "_"
]


@pytest.mark.parametrize(("expression", "expected"), EXPRESSIONS)
def test_an_expression_gives_what_the_page_says(expression, expected):
    assert render(expression, SCOPE) == json.loads(expected)


@pytest.mark.parametrize("model", MODELS)
def test_every_key_is_on_the_page(model):
    shown = "\n".join(fence.text for fence in FENCES) + " ".join(re.findall(r"`([^`\n]+)`", PAGE.read_text()))
    keys = {field.alias or name for name, field in model.model_fields.items()}
    keys -= UNSUPPORTED.get(model, frozenset())
    assert {key for key in keys if not re.search(rf"\b{key}\b", shown)} == set()


def test_every_filter_and_test_is_shown():
    shown = " ".join(expression for expression, _ in EXPRESSIONS)
    filters = set(re.findall(r"\| (\w+)", shown))
    tests = set(re.findall(r"\bis (\w+)", shown)) | ({"in"} if "'in'" in shown else set())
    assert filters == set(FILTERS)
    assert tests == set(TESTS)
