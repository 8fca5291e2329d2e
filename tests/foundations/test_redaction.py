"""Masking: every form a secret takes, and nothing that is none."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadagent_prefect.redaction import MASK, Redactor

SECRET = 'pä ss/"w+rd'


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote(SECRET, safe="")
        .replace("%C3%A4", "%c3%a4")
        .replace("%2F", "%2f")
        .replace("%22", "%22")
        .replace("%2B", "%2b"),
        quote_plus(SECRET),
        json.dumps(SECRET)[1:-1],
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
    ],
)
def test_a_secret_is_masked_in_each_of_its_forms(form: str) -> None:
    assert Redactor([SECRET]).text(f"before {form} after") == f"before {MASK} after"


def test_a_short_secret_is_masked_only_where_it_is_the_whole_value() -> None:
    redactor = Redactor(["abc"])
    assert redactor.text("abc") == MASK
    assert redactor.text("abcdef abc") == "abcdef abc"


def test_the_longer_of_two_secrets_is_masked_as_a_whole() -> None:
    assert Redactor(["secret", "secret-and-more"]).text("x secret-and-more y secret") == "x *** y ***"


def test_data_is_masked_in_its_values_and_never_in_its_keys() -> None:
    redactor = Redactor()
    redactor.add("topsecret")
    redactor.add("topsecret", "")
    data = {"topsecret": ["topsecret", 1, None, {"x": ("a topsecret b",)}]}
    assert redactor.data(data) == {"topsecret": [MASK, 1, None, {"x": [f"a {MASK} b"]}]}


def test_a_redactor_that_knows_nothing_changes_nothing() -> None:
    assert Redactor().text("anything") == "anything"


@given(secret=st.text(min_size=6), before=st.text(), after=st.text())
def test_no_secret_survives_in_any_text(secret: str, before: str, after: str) -> None:
    if secret in MASK * 3:
        return
    masked = Redactor([secret]).text(before + secret + after)
    assert MASK in masked
