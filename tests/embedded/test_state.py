from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from leadagent_prefect.embedded.state import (
    ServerRecord,
    is_locked,
    is_same_file,
    process_birth,
    try_lock,
)

RECORD = ServerRecord(
    pid=os.getpid(),
    birth=process_birth(os.getpid()),
    port=4321,
    instance="i",
    started_at="2026-01-01T00:00:00+00:00",
    version="3.8.8",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "server.json"


def test_a_file_that_is_not_there_is_not_locked(path: Path) -> None:
    assert not is_locked(path)
    assert not path.exists()


def test_one_holds_the_lock_and_it_ends_with_the_descriptor(path: Path) -> None:
    held = try_lock(path)
    assert held is not None
    assert try_lock(path) is None
    assert is_locked(path)
    os.close(held)
    assert not is_locked(path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_lock_passes_to_a_child_and_dies_with_it(path: Path) -> None:
    held = try_lock(path)
    assert held is not None
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[held]) as child:
        os.close(held)
        assert is_locked(path)
        child.kill()
        child.wait()
        assert not is_locked(path)


def test_a_record_is_read_as_it_was_written(path: Path) -> None:
    held = try_lock(path)
    assert held is not None
    replace(RECORD, version="a longer one " * 9).write(held)
    RECORD.write(held)
    assert ServerRecord.read(path) == RECORD
    os.close(held)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"unknown": 1}'])
def test_a_file_that_is_being_written_is_no_record(path: Path, text: str) -> None:
    path.write_text(text)
    assert ServerRecord.read(path) is None


def test_no_file_is_no_record(path: Path) -> None:
    assert ServerRecord.read(path) is None


def test_a_process_is_told_from_a_later_one_with_its_pid() -> None:
    assert RECORD.is_alive
    assert not replace(RECORD, birth="an earlier boot:1").is_alive
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    assert not replace(RECORD, pid=ended.pid).is_alive
    assert process_birth(ended.pid) == ""


def test_a_file_that_was_replaced_is_another(path: Path) -> None:
    held = try_lock(path)
    assert held is not None
    assert is_same_file(path, held)
    path.unlink()
    assert not is_same_file(path, held)
    path.touch()
    assert not is_same_file(path, held)
    os.close(held)
