from __future__ import annotations

import json

from leadagent_prefect.diagnostics import Diagnostic, Span, render_github, render_json, render_sarif

ONE = Diagnostic(
    "unknown-key", "50% odd,\nreally: yes", Span(2, 3, 2, 7), hint="fix\rit", filename="a,b:c d.yaml"
)
WHOLE = Diagnostic("empty-document", "empty", severity="warning", filename="f.yaml")


def test_json_is_a_list_with_null_for_what_has_no_place() -> None:
    assert json.loads(render_json([ONE, WHOLE])) == [
        {
            "file": "a,b:c d.yaml", "line": 2, "column": 3, "end_line": 2, "end_column": 7,
            "severity": "error", "code": "unknown-key", "message": "50% odd,\nreally: yes", "hint": "fix\rit",
        },
        {
            "file": "f.yaml", "line": None, "column": None, "end_line": None, "end_column": None,
            "severity": "warning", "code": "empty-document", "message": "empty", "hint": None,
        },
    ]  # fmt: skip


def test_a_github_command_stays_on_one_line_whatever_the_message_holds() -> None:
    assert render_github([ONE, WHOLE]) == (
        "::error file=a%2Cb%3Ac d.yaml,line=2,col=3,endLine=2,endColumn=7,title=unknown-key"
        "::50%25 odd,%0Areally: yes%0Afix%0Dit\n"
        "::warning file=f.yaml,title=empty-document::empty\n"
    )


def test_sarif_has_rules_for_the_codes_that_occur_and_regions_in_characters() -> None:
    log = json.loads(render_sarif([ONE, WHOLE]))
    run = log["runs"][0]

    assert (log["version"], run["columnKind"]) == ("2.1.0", "unicodeCodePoints")
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["empty-document", "unknown-key"]
    assert run["results"][0] == {
        "ruleId": "unknown-key",
        "ruleIndex": 1,
        "level": "error",
        "message": {"text": "50% odd,\nreally: yes (fix\rit)"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "a%2Cb%3Ac%20d.yaml"},
                    "region": {"startLine": 2, "startColumn": 3, "endLine": 2, "endColumn": 7},
                }
            }
        ],
    }
    assert run["results"][1]["locations"] == [{"physicalLocation": {"artifactLocation": {"uri": "f.yaml"}}}]


def test_nothing_wrong_is_an_empty_log() -> None:
    assert render_json([]) == "[]\n"
    assert render_github([]) == ""
    assert json.loads(render_sarif([]))["runs"][0]["results"] == []
