"""Observers of installed packages, with real distributions on the module path."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from leadagent_prefect.observe.dispatch import Dispatcher
from leadagent_prefect.observe.events import Event
from leadagent_prefect.observe.installed import GROUP, entries, examine_observers, installed_observers

MODULE = """
SEEN = []
nothing = 7
def function(event): SEEN.append(("function", event.name))
class Monitor:
    def update(self, subject, event_type, data): SEEN.append((event_type, subject))
class Fragile:
    def __init__(self): raise ValueError("no configuration")
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Install:
    """``install(name=value)`` makes a distribution with these observers."""
    monkeypatch.syspath_prepend(tmp_path)
    module = f"observers_of_{abs(hash(request.node.name))}"  # a name for each test: imports stay

    def made(**entries: str) -> None:
        (tmp_path / f"{module}.py").write_text(MODULE)
        (tmp_path / f"{module}_exits.py").write_text("raise SystemExit(3)")
        info = tmp_path / "some_watcher-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: some-watcher\nVersion: 1.0\n")
        lines = [f"{name} = {value.replace('MODULE', module)}" for name, value in entries.items()]
        (info / "entry_points.txt").write_text(f"[{GROUP}]\n" + "\n".join(lines))

    return made


def test_functions_and_classes_of_entry_points_see_events(install: Install) -> None:
    install(b="MODULE:Monitor", a="MODULE:function")
    function, monitor = installed_observers()
    dispatcher = Dispatcher([function, monitor], "subject")
    dispatcher(Event("task_started", "r", "w", "one"))
    dispatcher.close()
    assert sorted(function.__globals__["SEEN"]) == [("function", "one"), ("task_started", "subject")]


def test_every_run_has_an_instance_of_its_own(install: Install) -> None:
    install(monitor="MODULE:Monitor")
    (first,), (second,) = installed_observers(), installed_observers()
    assert type(first) is type(second)
    assert first is not second


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("no_such_module:watch", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("MODULE:missing", "AttributeError: .*missing"),
        ("MODULE:Fragile", "ValueError: no configuration"),
        ("MODULE_exits:watch", "SystemExit: 3"),
        ("MODULE:nothing", "it is neither callable nor has it a method update"),
    ],
)
def test_a_broken_one_is_a_warning_and_the_others_stay(
    install: Install, caplog: pytest.LogCaptureFixture, value: str, why: str
) -> None:
    install(broken=value, sound="MODULE:function")
    with caplog.at_level(logging.WARNING, "leadagent_prefect"):
        assert [observer.__name__ for observer in installed_observers()] == ["function"]
    (record,) = caplog.records
    assert record.getMessage().startswith("observer broken = ")
    assert "of some-watcher is left out" in record.getMessage()
    (_, trouble), sound = examine_observers()
    assert re.search(why, trouble or "")
    assert sound[1] is None
    assert re.search(why, record.getMessage())


def test_one_without_a_known_package_is_told_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from importlib.metadata import EntryPoint

    lone = EntryPoint("lone", "no_such_module:watch", GROUP)
    monkeypatch.setattr("leadagent_prefect.observe.installed.entry_points", lambda *, group: [lone])
    assert installed_observers() == []
    assert "observer lone = no_such_module:watch of an unknown package is left out" in caplog.text


def test_they_are_looked_for_once_and_an_empty_folder_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    looks: list[str] = []

    def look(*, group: str) -> list[object]:
        looks.append(group)
        return []

    monkeypatch.setattr("leadagent_prefect.observe.installed.entry_points", look)
    assert entries() == ()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert entries() == ()
    assert looks == [GROUP]
    (tmp_path / "module.py").touch()
    assert entries() == ()
    assert looks == [GROUP, GROUP]
