"""Each line of docs/failures.md names the test that shows it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "failures.md").read_text()
ROWS = [row for row in PAGE.splitlines() if row.startswith("| ") and "| shown by |" not in row]


def test_the_page_has_rows():
    assert len(ROWS) > 20


@pytest.mark.parametrize("row", ROWS, ids=[row.split("|")[1].strip() for row in ROWS])
def test_the_test_of_a_line_exists(row):
    (file, name) = re.fullmatch(r"\|[^|]+\|[^|]+\| `(tests/\S+\.py)::(\w+)` \|", row).groups()
    assert re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text(), re.MULTILINE)
