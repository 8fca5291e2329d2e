"""docs/diagnostics.md is the table of codes with an example out of err/; ``UPDATE_GOLDENS=1`` writes it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from leadagent_prefect.codes import CODES, checking, outside, parts, reading

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "diagnostics.md"

#: Codes that no file of err/ shows, and why.
WITHOUT_CASE = {
    "not-portable": "of compiling, see tests/emit",
    "not-allowed-over-http": "of the REST API, see tests/api",
    "not-plain-data": "of a dict, see tests/loader",
    "not-supported-yet": "a version that runs all of the language has none, see tests/loader",
    "too-large": "the file would have 2 MiB, see tests/source",
    "too-many-problems": "the file would have 1,001 mistakes, see tests/loader",
    "too-many-tasks": "the file would have 5,001 tasks, see tests/loader",
    "too-many-templates": "the file would have 20,001 templates, see tests/checks",
    "workflow-too-deep": "there would be twelve files, see tests/loader",
}

HEAD = """# Diagnostics

Every problem that reading and checking a workflow can find, by its code. Codes are stable: none is renamed or
given another meaning. Errors fail; warnings fail with `leadagent validate --strict` alone.
"""


def examples() -> dict[str, str]:
    """Code -> a diagnostic that has it, out of the case of that name where there is one."""
    shown: list[tuple[str, str, str]] = []
    for path in sorted((HERE / "err").glob("*.out")):
        text = path.read_text(encoding="utf-8")
        for part in re.split(r"(?m)^(?=\S+: (?:error|warning)\[)", text)[1:]:
            code = re.search(r"(?:error|warning)\[([\w-]+)\]", part)
            assert code is not None
            shown.append((code[1], path.stem, part.rstrip("\n")))
    first = {code: part for code, _, part in reversed(shown)}
    return first | {code: part for code, stem, part in reversed(shown) if stem == code}


def page() -> str:
    shown = examples()
    parts = [HEAD]
    for code, row in CODES.items():
        note = "" if row.severity == "error" else f" ({row.severity})"
        parts.append(f"\n## {code}\n\n**{row.title}**{note}. {row.explanation}\n")
        if code in shown:
            parts.append(f"\n```text\n{shown[code]}\n```\n")
    return "".join(parts)


def test_the_page_of_codes_says_what_the_table_and_the_cases_say() -> None:
    if os.environ.get("UPDATE_GOLDENS"):
        PAGE.write_text(page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_code_is_shown_by_a_case_or_has_a_reason_not_to_be() -> None:
    assert sorted({*examples(), *WITHOUT_CASE}) == sorted(CODES)
    assert not set(WITHOUT_CASE) & set(examples())


def test_no_code_stands_twice_in_the_tables() -> None:
    codes = [row.code for row in (*reading.ROWS, *checking.ROWS, *parts.ROWS, *outside.ROWS)]

    assert len(codes) == len(set(codes)) == len(CODES)
