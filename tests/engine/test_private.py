"""Results of runs are for their owner's eyes alone, where nobody has said where they are to be."""

from __future__ import annotations

from pathlib import Path

import pytest
from outside import environment, leadagent, uncounted
from prefect.filesystems import LocalFileSystem
from prefect.settings import temporary_settings

from leadagent_prefect.embedded import PrefectApi, client_environment
from leadagent_prefect.engine.store.private import PrivateFiles, keep_private, private


@pytest.mark.parametrize("named", [False, True], ids=["by default", "named"])
def test_results_below_the_home_are_private_and_a_folder_that_was_named_is_let_be(tmp_path, named):
    folder = tmp_path / ("elsewhere" if named else "storage")
    folder.mkdir()
    folder.chmod(0o755)
    with temporary_settings(updates={"home": tmp_path, "results.local_storage_path": folder}):
        keep_private()
    assert folder.stat().st_mode & 0o777 == (0o755 if named else 0o700)


def test_a_folder_that_can_not_be_changed_stops_no_run(tmp_path):
    (tmp_path / "file").write_text("")
    home = tmp_path / "file" / "home"
    with temporary_settings(updates={"home": home, "results.local_storage_path": home / "storage"}):
        keep_private()
    assert not home.exists()


def test_only_the_default_of_prefect_is_replaced(tmp_path):
    folder = tmp_path / "storage"
    mine, named = LocalFileSystem(basepath=str(folder)), LocalFileSystem(basepath=str(tmp_path))
    with temporary_settings(updates={"home": tmp_path, "results.local_storage_path": folder}):
        assert isinstance(private(mine), PrivateFiles)
        assert private(named) is named
        assert private(None) is None
    with temporary_settings(updates={"home": tmp_path / "x", "results.local_storage_path": folder}):
        assert private(mine) is mine


async def test_a_file_is_written_as_a_whole_and_read_as_prefect_reads_it(tmp_path):
    files = PrivateFiles(basepath=str(tmp_path))
    await files.write_path("in/one", b"1" * 10)
    await files.write_path("in/one", b"2")
    assert await LocalFileSystem(basepath=str(tmp_path)).read_path("in/one") == b"2"
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["one"]
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        await files.write_path("folder", b"2")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "in"]


def test_prefects_blocking_way_writes_the_same(tmp_path):
    written = PrivateFiles(basepath=str(tmp_path)).write_path("one", b"1", _sync=True)
    assert Path(written).read_bytes() == b"1"


WORKFLOW = """
name: private
tasks:
  - {name: one, value: {x: 1}}
  - {name: each, for_each: [1, 2], value: "{{ item }}"}
  - {name: sub, workflow: part.yaml}
  - {name: bad, fail: "on purpose", depends_on: [sub]}
finally:
  - {name: last, value: 1}
"""
PART = "name: part\ntasks: [{name: inner, value: 2}]\n"


def test_whatever_a_run_leaves_behind_is_its_owners_alone(prefect_api: PrefectApi, tmp_path):
    home = tmp_path / "home"
    (tmp_path / "flow.yaml").write_text(WORKFLOW)
    (tmp_path / "part.yaml").write_text(PART)
    told = {name: value for name, value in client_environment(prefect_api).items() if name != "PREFECT_HOME"}
    done = leadagent("run", "flow.yaml", env=uncounted(environment(home, **told)), cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "on purpose" in done.stdout
    files = [path for path in (home / "storage").rglob("*") if path.is_file()]
    assert len(files) >= 8
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
