"""What HTTP calls its statuses, whatever the Python."""

from __future__ import annotations

import pytest

from leadagent_prefect.naming import http_phrase


@pytest.mark.parametrize(
    ("status", "phrase"),
    [
        (200, "OK"),
        (404, "Not Found"),
        (413, "Request Entity Too Large"),
        (414, "Request-URI Too Long"),
        (416, "Requested Range Not Satisfiable"),
        (422, "Unprocessable Entity"),
        (499, ""),
    ],
)
def test_a_status_has_one_name_in_every_version_of_python(status: int, phrase: str) -> None:
    assert http_phrase(status) == phrase
