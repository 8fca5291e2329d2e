"""Every file of ok/ loads without a remark; every file of err/ gives the text beside it, to the letter.
Sub-workflows that they share are in parts/.

``UPDATE_GOLDENS=1`` writes those texts anew: read the difference before committing it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from leadagent_prefect.diagnostics import render_text
from leadagent_prefect.loader import examine, load, read

HERE = Path(__file__).parent
OK = sorted(path for path in (HERE / "ok").iterdir())
ERR = sorted(path for path in (HERE / "err").iterdir() if path.suffix != ".out")


@pytest.mark.parametrize("path", OK, ids=lambda path: path.name)
def test_a_valid_file_loads(path: Path) -> None:
    loaded = load(path)

    assert loaded.workflow.tasks


@pytest.mark.parametrize("path", ERR, ids=lambda path: path.name)
def test_a_broken_file_is_reported_with_the_words_beside_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    golden = path.with_suffix(".out")

    _, diagnostics = examine(read(Path(path.name)))
    text = render_text(diagnostics)

    if os.environ.get("UPDATE_GOLDENS"):
        golden.write_text(text, encoding="utf-8")
    assert diagnostics, "a file of err/ has no problem"
    assert text == golden.read_text(encoding="utf-8")


def test_every_expected_text_has_its_file() -> None:
    assert sorted(path.stem for path in (HERE / "err").glob("*.out")) == sorted(path.stem for path in ERR)
