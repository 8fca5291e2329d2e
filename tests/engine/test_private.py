"""Results of runs are for their owner's eyes alone, where nobody has said where they are to be."""

from __future__ import annotations

import pytest
from prefect.settings import temporary_settings

from leadagent_prefect.engine.store.plain import keep_private


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
