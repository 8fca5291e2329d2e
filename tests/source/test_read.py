from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from leadagent_prefect.source import digest, read_path, read_text
from leadagent_prefect.source.limits import MAX_BYTES


def test_a_file_is_read_by_its_ending(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": 1}')
    (tmp_path / "a.yml").write_text("a: 1")

    for name in ("a.json", "a.yml"):
        document = read_path(tmp_path / name)
        assert (document.data, document.problems) == ({"a": 1}, [])
        assert (document.filename, document.base) == (str(tmp_path / name), tmp_path)


def test_json_is_held_to_json(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("a: 1")

    assert [d.code for d in read_path(tmp_path / "a.json").problems] == ["syntax-error"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [("missing.yaml", "No such file or directory"), (".", "Is a directory"), ("a\0b", "embedded null byte")],
)
def test_what_cannot_be_read_is_a_problem_without_a_place(tmp_path: Path, name: str, reason: str) -> None:
    document = read_path(tmp_path / name)

    assert [(d.code, d.message, d.span) for d in document.problems] == [
        ("unreadable-file", f"can't read the file: {reason}", None)
    ]


def test_bytes_that_are_not_utf8_have_a_place(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes("name: ä\ntext: caf".encode() + b"\xe9 au lait\n")

    diagnostic = read_path(path).problems[0]

    assert (diagnostic.code, diagnostic.span) == ("not-utf-8", (2, 10, 2, 11))
    assert diagnostic.source_line == "text: caf\ufffd au lait"


def test_utf16_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes("name: a".encode("utf-16"))

    assert [(d.code, d.span) for d in read_path(path).problems] == [("not-utf-8", (1, 1, 1, 2))]


@pytest.mark.parametrize(
    "content",
    [b"a: " + b"x" * MAX_BYTES, "é".encode() * MAX_BYTES, b"a" + "é".encode() * MAX_BYTES],
    ids=["ascii", "wide", "cut within a character"],
)
def test_no_more_than_the_limit_is_read(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(content)

    assert [d.code for d in read_path(path).problems] == ["too-large"]


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")

    document = read_path(path)

    assert document.text == "a: 1\n"
    assert document.key_span(("a",)) == (1, 1, 1, 2)
    assert digest(document) == hashlib.sha256(b"a: 1\n").hexdigest()


def test_a_text_has_the_name_it_is_given() -> None:
    assert read_text("*x", "mine.yaml").problems[0].location == "mine.yaml:1:1"
