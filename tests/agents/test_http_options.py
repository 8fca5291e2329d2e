"""Options of the HTTP client that no request shows."""

from __future__ import annotations

from leadagent_prefect.agents.http_options import version_of


def test_a_checkout_that_was_never_installed_calls_itself_dev() -> None:
    assert version_of("a-distribution-that-is-nowhere") == "dev"
