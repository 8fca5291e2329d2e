"""``leadagent doctor``."""

from __future__ import annotations

import importlib.metadata
import os
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from leadagent_prefect.doctor.installed import PACKAGES, _numbers
from leadagent_prefect.embedded import PrefectApi

try:
    import tomllib
except ImportError:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(folder, monkeypatch):
    """A PREFECT_HOME that nobody has used yet."""
    monkeypatch.setenv("PREFECT_HOME", str(folder / "home"))
    return folder / "home"


def findings(done, check):
    return [finding for finding in done.json if finding["check"] == check]


def test_all_is_well_here_and_nothing_is_started(leadagent, home):
    done = leadagent("doctor")
    assert (done.code, done.err) == (0, "")
    assert f"ok       PREFECT_HOME: {home} does not exist yet; the first run makes it\n" in done.out
    assert (
        "ok       Prefect API: none is configured; leadagent starts a server when one is needed\n" in done.out
    )
    assert not home.exists()


def test_observers_of_installed_packages_are_shown_and_a_broken_one_stops_no_run(
    leadagent, home, folder, monkeypatch
):
    info = folder / "some_watcher-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: some-watcher\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[leadagent_prefect.observers]\nbad = no_such_module:watch\ngood = collections:deque.append\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    done = leadagent("doctor", "--json")
    assert done.code == 0
    bad, good = findings(done, "observer")
    assert (bad["status"], good["status"]) == ("warning", "ok")
    assert bad["found"].startswith(
        "bad = no_such_module:watch of some-watcher is left out: it can't be loaded"
    )
    assert "runs go on" in bad["mend"]


def test_the_ranges_are_those_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {found.name: found for found in map(Requirement, project["dependencies"])}
    for name, wanted in PACKAGES.items():
        assert declared[name].specifier == Requirement(name + wanted.specifier).specifier


def test_a_package_out_of_its_range_or_missing_is_an_error_with_its_mend(leadagent, home, monkeypatch):
    real = importlib.metadata.version

    def version(name):
        if name == "mcp":
            raise importlib.metadata.PackageNotFoundError(name)
        return {"fastapi": "0.165.0rc1", "sqlalchemy": "odd"}.get(name) or real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    done = leadagent("doctor", "--json")
    assert done.code == 1
    [fastapi], [mcp], [sqlalchemy] = (findings(done, name) for name in ("fastapi", "mcp", "sqlalchemy"))
    assert (fastapi["status"], fastapi["mend"]) == ("error", 'pip install "fastapi>=0.139,<0.147"')
    assert fastapi["found"].startswith("0.165.0rc1 is outside >=0.139,<0.147: ")
    assert (mcp["status"], mcp["found"]) == ("error", "is not installed")
    assert sqlalchemy["status"] == "error"


def test_the_release_of_a_version_is_compared_as_numbers():
    assert _numbers("3.10.0b2") == (3, 10, 0)
    assert _numbers("3.10") > _numbers("3.9.9")


def test_a_home_that_others_can_read_is_a_warning(leadagent, home):
    home.mkdir()
    home.chmod(0o755)
    (home / "prefect.db").write_text("")
    (home / "prefect.db").chmod(0o644)
    done = leadagent("doctor")
    assert done.code == 0
    assert f"warning  PREFECT_HOME: others can read {home}/prefect.db\n" in done.out
    assert f"mend: chmod 700 {home}\n" in done.out
    home.chmod(0o700)
    assert f"ok       PREFECT_HOME: {home}\n" in leadagent("doctor").out


def test_a_home_that_is_no_folder_of_ones_own_is_an_error(leadagent, home, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    home.mkdir()
    assert f"error    PREFECT_HOME: {home} can't be written" in leadagent("doctor").out
    (home / "leadagent").mkdir()
    done = leadagent("doctor")
    assert done.code == 1
    assert "error    PREFECT_HOME: can't keep a Prefect server's files" in done.out
    assert "Prefect API" not in done.out


def test_leadagents_own_server_answers(leadagent, prefect_api: PrefectApi):
    assert (
        f"ok       Prefect API: {prefect_api.url}, started by leadagent, answers\n" in leadagent("doctor").out
    )


def test_a_server_that_does_not_answer_is_a_warning(leadagent, home):
    from leadagent_prefect.embedded.home import ServerHome
    from leadagent_prefect.embedded.state import try_lock

    found = ServerHome.current()
    found.create()
    lock = try_lock(found.state_file)
    assert lock is not None
    try:
        out = leadagent("doctor").out
    finally:
        os.close(lock)
    assert "warning  Prefect API: leadagent's server is starting, stopping or stuck" in out


def test_a_configured_api_that_is_not_there_is_an_error(leadagent, home, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    done = leadagent("doctor", "--json")
    assert done.code == 1
    assert findings(done, "Prefect API")[0]["status"] == "error"


def test_a_setting_that_leadagent_would_have_otherwise_is_a_warning(leadagent, home, monkeypatch):
    monkeypatch.setenv("PREFECT_TASKS_DEFAULT_NO_CACHE", "false")
    out = leadagent("doctor").out
    assert (
        "warning  settings: PREFECT_TASKS_DEFAULT_NO_CACHE is false, where leadagent would have true\n" in out
    )


def test_without_node_it_says_what_needs_it(leadagent, home, monkeypatch):
    monkeypatch.setenv("PATH", str(home))
    assert "ok       node: npx is not there" in leadagent("doctor").out
