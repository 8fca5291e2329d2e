"""/docs and /redoc in Chromium: whole, with nobody asked but the server; a workflow is run from the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.timeout(300)
expect.set_options(timeout=30_000)


@pytest.fixture
def summaries(rest: Any) -> list[str]:
    with rest.client() as client:
        paths = client.get("/openapi.json").json()["paths"]
    return [one["summary"] for methods in paths.values() for one in methods.values()]


def test_docs_shows_every_endpoint_and_runs_a_workflow(
    rest_window: Any, rest: Any, summaries: list[str], tmp_path: Path
) -> None:
    page = rest_window.page
    page.goto(f"{rest.url}/docs")
    for summary in summaries:
        expect(page.get_by_text(summary, exact=True)).to_be_visible()
    page.screenshot(path=tmp_path / "docs.png", full_page=True)
    page.get_by_text("Create and execute a workflow", exact=True).click()
    page.get_by_role("button", name="Try it out").click()
    page.screenshot(path=tmp_path / "try.png", full_page=True)
    page.get_by_label("Request content type").select_option("application/yaml")
    page.screenshot(path=tmp_path / "yaml.png", full_page=True)
    page.get_by_label("Request content type").select_option("application/json")
    page.get_by_role("button", name="Execute", exact=True).click()
    answer = page.locator(".live-responses-table .response-col_description code").first
    expect(answer).to_contain_text("execution_id")
    page.screenshot(path=tmp_path / "answer.png", full_page=True)
    made = json.loads(answer.inner_text())
    with rest.client() as client:
        assert rest.ended(client, made["execution_id"])["status"] == "completed"
    assert (rest_window.errors, rest_window.outside) == ([], set())


def test_redoc_shows_every_endpoint(
    rest_window: Any, rest: Any, summaries: list[str], tmp_path: Path
) -> None:
    page = rest_window.page
    page.goto(f"{rest.url}/redoc")
    for summary in summaries:
        expect(page.get_by_role("heading", name=summary)).to_be_attached()
    page.screenshot(path=tmp_path / "redoc.png")
    assert (rest_window.errors, rest_window.outside) == ([], set())
