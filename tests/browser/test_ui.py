"""The Prefect UI in Chromium: the form of a deployment, the run that it starts, the picture of that run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

#: A server, a worker and a browser are started first.
pytestmark = pytest.mark.timeout(300)
expect.set_options(timeout=30_000)

#: Label, role and shown value of every field of the form, in order; the label of a required one is bare.
FIELDS = [
    ("services (Optional)", "textbox"),
    ("topic", "textbox"),
    ("sources (Optional)", "spinbutton"),
    ("weight (Optional)", "spinbutton"),
    ("fresh (Optional)", "switch"),
]
DESCRIPTIONS = ["the HTTP API", "what to read about: one word", "how many are read", "how it is said"]


def test_a_run_is_started_from_the_form_and_seen_to_its_end(
    window: Any, deployed: Any, services: Any, tmp_path: Path, record_property: Any
) -> None:
    page = window.page
    page.goto(deployed.server.ui)
    page.get_by_role("link", name="Deployments").click()
    page.locator('a[href*="/deployment/"]').get_by_text("digest form", exact=True).click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Custom run").click()
    _form_is_right(page, services.url)
    page.screenshot(path=tmp_path / "form.png", full_page=True)
    _fill_in(page)
    page.get_by_role("button", name="Submit").click()
    page.get_by_role("button", name="View run").click()

    expect(page.get_by_text("Completed", exact=True).first).to_be_visible(timeout=120_000)
    run_id = page.url.partition("?")[0].rpartition("/")[2]
    run = deployed.ended(run_id)
    assert run["state"]["name"] == "Completed"
    assert run["parameters"] == {
        "services": services.url,
        "topic": "wind",
        "sources": 4,
        "weight": 0.5,
        "fresh": False,
        "tone": "warm",
        "words": ["sun", "wind"],
        "mixed": ["a", 1],
        "extra": {"lines": [1, 2]},
    }
    _graph_is_right(window, deployed, run_id)
    page.screenshot(path=tmp_path / "run.png", full_page=True)
    page.reload()  # the page asks no more for logs once the run has ended
    _tabs_are_right(page, run)
    page.screenshot(path=tmp_path / "tabs.png", full_page=True)
    assert window.errors == []
    record_property("refused addresses", ", ".join(sorted(window.outside)))


def test_what_does_not_fit_is_said_beside_its_field(window: Any, deployed: Any) -> None:
    page = window.page
    page.goto(
        f"{deployed.server.ui}/v2/deployments/deployment/{deployed.deployment('digest form')['id']}/run"
    )
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_text("'topic' is a required property", exact=True)).to_be_visible()
    assert all(error.startswith("409 ") for error in window.errors)


def _form_is_right(page: Any, services_url: str) -> None:
    for label, role in FIELDS:
        expect(page.get_by_role(role, name=label, exact=True)).to_be_visible()
    for description in DESCRIPTIONS:
        expect(page.get_by_text(description, exact=True)).to_be_visible()
    expect(page.get_by_label("services (Optional)")).to_have_value(services_url)
    expect(page.get_by_label("topic", exact=True)).to_have_value("")
    expect(page.get_by_label("sources (Optional)")).to_have_value("2")
    expect(page.get_by_label("weight (Optional)")).to_have_value("0.5")
    expect(page.get_by_label("fresh (Optional)")).to_be_checked()
    expect(page.get_by_role("button", name="Select tone")).to_have_text("dry")
    editor = page.locator(".cm-content").last
    expect(editor).to_contain_text('"lines"')


def _fill_in(page: Any) -> None:
    page.get_by_label("topic", exact=True).fill("wind")
    page.get_by_label("sources (Optional)").fill("4")
    page.get_by_label("fresh (Optional)").click()
    page.get_by_role("button", name="Select tone").click()
    page.get_by_role("option", name="warm", exact=True).click()


def _graph_is_right(window: Any, deployed: Any, run_id: str) -> None:
    """The names are drawn, and the arrows lead to what reads."""
    window.drawn("fetch articles", "fetch_daily", "publish")
    nodes = dict(deployed.server.get(f"/flow_runs/{run_id}/graph-v2")["nodes"])
    arrows = {node["label"]: {nodes[up["id"]]["label"] for up in node["parents"]} for node in nodes.values()}
    assert arrows == {
        "fetch articles": set(),
        "fetch_daily": set(),
        "publish": {"fetch articles", "fetch_daily"},
    }


def _tabs_are_right(page: Any, run: Any) -> None:
    page.get_by_role("tab", name="Parameters").click()
    shown = page.get_by_role("tabpanel", name="Parameters").locator(".cm-content")
    expect(shown).to_contain_text('"topic": "wind"')
    assert json.loads(shown.inner_text()) == run["parameters"]
    page.get_by_role("tab", name="Logs").click()
    expect(page.get_by_text(re.compile("Finished in state Completed.*3/3 tasks"))).to_be_visible()
    page.get_by_role("tab", name="Task Runs").click()
    for name in ("fetch articles", "fetch_daily", "publish"):
        expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()
