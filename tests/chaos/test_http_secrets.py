"""X11 of the experiments: twelve secrets of agents, through all that can happen to a run, show nowhere.

The service tells every secret back in each form it can. Looked through are the answers of the API, Prefect's
database and its journal, results and all other files of PREFECT_HOME, the server's log, and command lines.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from canaries import SECRETS, forms
from rest_servers import taken

WORKFLOWS = "/api/v1/workflows"
FORMS = {form: name for name, secret in SECRETS.items() for form in forms(secret)}


def authentication(number, name):
    """Bearer, an API key and Basic in turn; what no header can hold goes by Basic, which is in base64."""
    secret = f"{{{{ secrets.{name} }}}}"
    plain = SECRETS[name].isascii() and SECRETS[name].isprintable()
    if not plain or number % 3 == 2:
        return {"type": "basic", "username": "user", "password": secret}
    return {"type": "bearer", "token": secret} if number % 3 else {"type": "api_key", "key": secret}


def workflow(service, *ways, **more):
    """Each secret is sent in each of these ways."""
    agents = [
        {"name": name, "type": "http_api", "endpoint": service.url, "authentication": authentication(n, name)}
        for n, name in enumerate(SECRETS)
    ]
    calls = [
        {
            "name": f"{name}_{way}",
            "agent_name": name,
            "action": "GET",
            "parameters": {"endpoint": f"/echo/{way}"},
            "retry_config": {"max_attempts": 2, "initial_delay": 0.1, "retry_on": ["server_error"]},
            **({"timeout": 1.5} if way == "slow" else {}),
        }
        for name in SECRETS
        for way in ways
    ]
    both = {"parallel_execution": True, "failure_strategy": "continue_on_failure"}
    return {"name": "secrets", "agents": agents, "tasks": calls, **both, **more}


def told(client, run):
    """All that the API says of a run."""
    paths = ("", "/status", "/events", *(f"/logs?page={page}" for page in range(1, 6)))
    answers = [client.get(f"{WORKFLOWS}/{run}{path}") for path in paths]
    assert {answer.status_code for answer in answers} == {200}
    return b"".join(answer.content for answer in answers)


def found(texts):
    """Which secrets are in which of these; each name with the form in which it stands there."""
    return [(place, FORMS[form], form) for place, text in texts for form in FORMS if form in text]


def command_lines():
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield str(path), path.read_bytes()
        except OSError:  # it has ended, or is another's
            continue


def kept(home):
    for path in home.rglob("*"):
        try:
            if path.is_file() and path.suffix != ".js":  # the pages of Prefect's UI
                yield str(path.relative_to(home)), path.read_bytes()
        except OSError:  # it was there for a moment
            continue


@pytest.fixture(scope="module")
def answers(rest):
    """What the API told of a run that completed, one that failed and one that was cancelled, by id."""
    with rest.client() as client:
        first = next(iter(SECRETS))
        outputs = {"all": f"{{{{ tasks.{first}_ok.result }}}}"}
        done = taken(client, workflow(rest.service, "ok", "retry", outputs=outputs))
        failed = taken(client, workflow(rest.service, "fail", "slow"))
        ends = [rest.ended(client, run)["status"] for run in (done, failed)]
        cancelled = taken(client, workflow(rest.service, "hold"))
        until = time.monotonic() + 60
        while rest.service.holding.count("hold") < len(SECRETS) and time.monotonic() < until:
            time.sleep(0.05)
        assert client.delete(f"{WORKFLOWS}/{cancelled}").status_code == 200
        ends.append(rest.ended(client, cancelled)["status"])
        runs = [done, failed, cancelled]
        texts = {run: told(client, run) for run in runs}
        config = workflow(rest.service)["agents"][0]
        tested = client.post(
            "/api/v1/agents/test",
            json={"agent_config": config, "test_action": "GET", "test_parameters": {"endpoint": "/echo/ok"}},
        )
        texts["listed"] = client.get(f"{WORKFLOWS}?page_size=100").content
        texts["tested"] = tested.content
    assert ends == ["completed", "failed", "cancelled"]
    return texts


def test_the_service_has_told_every_secret_in_every_form(rest, answers):
    everything = b"".join(rest.service.echoed)
    assert {name for _, name, _ in found([("service", everything)])} == set(SECRETS)
    done, failed, cancelled, *_ = answers.values()
    assert done.count(b"***") > 2 * len(SECRETS)
    assert failed.count(b"***") > len(SECRETS)
    assert b"cancelled" in cancelled
    assert b"***" in answers["tested"]


def test_no_answer_has_a_secret_in_it(answers):
    assert found(answers.items()) == []


def test_no_file_and_no_command_line_has_a_secret_in_it(rest, answers):
    home = Path(os.environ["PREFECT_HOME"])
    files = dict(kept(home))
    database = b"".join(text for name, text in files.items() if name.startswith("prefect.db"))
    assert all(
        run.encode() in database or run.replace("-", "").encode() in database for run in list(answers)[:3]
    )
    assert found(files.items()) == []
    assert found([("log", rest.log.read_bytes())]) == []
    assert found(command_lines()) == []


def test_no_file_is_for_others_to_read(answers):
    """By its own mode, or because nobody else gets into a folder above it."""
    home = Path(os.environ["PREFECT_HOME"])
    assert len(list((home / "storage").iterdir())) > len(SECRETS)
    assert sorted(_open_to_others(home)) == []


def _open_to_others(folder):
    for path in folder.iterdir():
        if path.is_symlink() or path.stat().st_mode & 0o077 == 0:
            continue
        if path.name == ".sdk_telemetry":  # what Prefect notes of its use on a terminal, and does not send
            continue
        if path.is_dir():
            yield from _open_to_others(path)
        else:
            yield str(path)
