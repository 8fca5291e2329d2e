"""docs/architecture.md names every room there is, and none that is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
PACKAGE = ROOT / "leadagent_prefect"


def rooms_shown() -> list[str]:
    table = PAGE.split("| room |")[1].split("\n\n")[0]
    return [name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])]


def test_the_table_of_rooms_is_that_of_the_package():
    entries = {
        path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    assert sorted(rooms_shown()) == sorted(entries - {"__init__", "__main__"})


@pytest.mark.parametrize("place", sorted(set(re.findall(r"`(engine/\w+)`", PAGE))))
def test_a_module_that_is_named_exists(place):
    assert (PACKAGE / f"{place}.py").is_file() or (PACKAGE / place / "__init__.py").is_file()


def test_links_between_pages_lead_somewhere():
    pages = [ROOT / "README.md", ROOT / "examples" / "README.md", *(ROOT / "docs").glob("*.md")]
    links = [
        (page, link) for page in pages for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    ]
    assert [(page.name, link) for page, link in links if not (page.parent / link).exists()] == []
