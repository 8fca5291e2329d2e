"""What README.md says there is, and is not, against the code; and the table of the examples."""

from __future__ import annotations

import re
from pathlib import Path

from fences import fences

from leadagent_prefect.cli.app import COMMANDS
from leadagent_prefect.loader.keys import UNSUPPORTED

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "README.md").read_text()


def names(sentence: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", sentence))


def test_the_first_block_holds_the_two_commands():
    lines = fences(PAGE)[0].text.splitlines()
    assert [line.split("#")[0].strip() for line in lines] == ["$ make run", "$ make test"]


def test_the_commands_that_are_there_are_all_listed():
    assert names(PAGE.split("- Commands: ")[1].split(".\n")[0]) == set(COMMANDS)


def test_keys_that_are_not_there_yet_are_named():
    assert names(PAGE.split("Not there yet:")[1]) >= {key for keys in UNSUPPORTED.values() for key in keys}


def test_every_example_is_in_the_table_of_the_examples():
    folder = ROOT / "examples"
    shown = set(re.findall(r"examples/([\w/]+\.(?:yaml|py))", (folder / "README.md").read_text()))
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*.yaml")}
    # What a script or another workflow runs; from-others has a table of its own.
    elsewhere = {"quickstart/workflow.yaml", "news_digest/refine.yaml", "sub_workflow/titles.yaml"}
    elsewhere |= {name for name in files if name.startswith("from-others/")}
    assert {name for name in shown if name.endswith(".yaml")} == files - elsewhere
    assert {name for name in shown if not (folder / name).is_file()} == set()
