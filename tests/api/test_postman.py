"""The Postman collection: in step with the API, and every request of it does what it says."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from leadagent_prefect.api.app import create_app
from leadagent_prefect.api.postman.__main__ import NAME, main, text
from leadagent_prefect.api.postman.flow import FLOW, VARIABLES
from leadagent_prefect.api.settings import read_settings

ROOT = Path(__file__).resolve().parents[2]
NEWMAN = ROOT / "tests/npm/node_modules/newman/bin/newman.js"
STEPS = [step for folder in FLOW for step in folder.steps]


def test_the_collection_is_in_step_with_the_api():
    assert (ROOT / NAME).read_text() == text(), "run python -m leadagent_prefect.api.postman"


def test_the_check_says_what_is_not_in_step_and_writing_mends_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["--check"]) == 1
    assert "not in step" in capsys.readouterr().err
    assert main([]) == 0
    assert main(["--check"]) == 0
    assert (tmp_path / NAME).read_text() == (ROOT / NAME).read_text()
    (tmp_path / NAME).write_text("{}")
    assert main(["--check"]) == 1


def test_the_module_is_a_command(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["postman", "--check"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "leadagent_prefect/api/postman/__main__.py"), run_name="__main__")
    assert ended.value.code == 0


def test_every_endpoint_is_in_it_under_names_of_their_own(prefect_api):
    paths = create_app(read_settings({}), prefect_api).openapi()["paths"]
    described = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert {step.operation for step in STEPS} == described
    assert len({step.name for step in STEPS}) == len(STEPS)


def items(collection):
    return [item for folder in collection["item"] for item in folder["item"]]


def test_it_has_the_variables_that_are_promised_and_a_test_in_every_request():
    collection = json.loads((ROOT / NAME).read_text())
    assert {one["key"]: one["value"] for one in collection["variable"]}["baseUrl"] == "http://localhost:8000"
    assert {one["key"] for one in collection["variable"]} == set(VARIABLES)
    for item in items(collection):
        assert [event["listen"] for event in item["event"]][-1] == "test"
        assert "pm.test(" in "\n".join(item["event"][-1]["script"]["exec"])
        assert item["request"]["url"]["raw"].startswith("{{baseUrl}}/")
    assert "typicode" not in json.dumps(collection["item"])  # what is called is a variable


def newman(folder, url, *options, **variables):
    """The report of a run of the collection on the server at ``url``."""
    if not NEWMAN.is_file() or shutil.which("node") is None:
        pytest.skip("needs npm package newman: make setup-node")
    given = [f"{name}={value}" for name, value in {"baseUrl": url, **variables}.items()]
    out = folder / "report.json"
    command = ["node", str(NEWMAN), "run", str(ROOT / NAME), "--reporters", "json"]
    command += ["--reporter-json-export", str(out), "--timeout-request", "60000", *options]
    command += [word for one in given for word in ("--env-var", one)]
    alone = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(command, env=alone, capture_output=True, text=True, timeout=280, check=False)
    assert out.is_file(), done.stdout + done.stderr
    return json.loads(out.read_text())["run"]


def failures(run):
    return [(one["source"]["name"], one["error"]["test"], one["error"]["message"]) for one in run["failures"]]


@pytest.mark.timeout(300)
def test_newman_runs_it_from_top_to_bottom(rest, tmp_path):
    before = len(rest.log.read_text())
    run = newman(tmp_path, rest.url, serviceUrl=rest.service.url)
    assert failures(run) == []
    asked = [one["item"]["name"] for one in run["executions"]]
    assert list(dict.fromkeys(asked)) == [step.name for step in STEPS]
    assert min(len(one["assertions"]) for one in run["executions"] if one["item"]["name"][:3] != "401") > 0
    assert run["stats"]["assertions"]["total"] > 2 * len(STEPS)
    assert "Traceback" not in rest.log.read_text()[before:]


def test_the_key_of_the_collection_is_sent_with_every_request(keyed, tmp_path):
    folders = [word for name in ("Health", "Agents", "Errors", "Metrics") for word in ("--folder", name)]
    service = {"serviceUrl": keyed.service.url}
    assert failures(newman(tmp_path, keyed.url, *folders, apiKey=keyed.keys["root"], **service)) == []
    refused = {
        name for name, *_ in failures(newman(tmp_path, keyed.url, *folders, apiKey="la_no", **service))
    }
    wanted = {
        step.name
        for folder in FLOW
        if folder.name in ("Agents", "Errors", "Metrics")
        for step in folder.steps
    }
    assert refused == wanted - {"401: a key that is none"}
