"""What no file of the project may hold."""

from __future__ import annotations

import io
import re
import tokenize
from pathlib import Path

import pytest

HOSTS = [
    ".".join(parts)
    for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("npmjs", "com"))
]
INDEX = re.compile("|".join([*map(re.escape, HOSTS), "--(?:extra-)?" + "index-url", "--" + "find-links"]))
MACHINE = re.compile(r"(?<!\w)/(?:root/[\w.]|work/(?:main|shared|\.\w+)\b)|/tmp/(?:w|bash_jobs)\b")
MARKER = re.compile(
    r"(?:noqa(?::\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)?|type:\s*ignore(?:\[[\w, -]+\])?|pragma:\s*no \w+)"
)


def matches(files: list[Path], root: Path, pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path.relative_to(root)}:{number}: {line.strip()[:100]}"
        for path in files
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_names_a_package_index(files, root):
    assert matches(files, root, INDEX) == []


def test_no_file_names_a_path_of_one_machine(files, root):
    assert matches(files, root, MACHINE) == []


def unexplained(text: str) -> list[str]:
    """The comments that switch a check off and do not say why in at least two words."""
    comments = [
        t.string for t in tokenize.generate_tokens(io.StringIO(text).readline) if t.type == tokenize.COMMENT
    ]
    return [
        c for c in comments if MARKER.search(c) and len(re.findall(r"[A-Za-z]{2,}", MARKER.sub("", c))) < 2
    ]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("x = 1  # noqa: E501", 1),
        ("x = 1  # type: ignore[arg-type]", 1),
        ("x = 1  # pragma: no cover", 1),
        ("x = 1  # pragma: no cover - only on Windows", 0),
        ("x = 1  # type: ignore[arg-type]  # the stub is wrong", 0),
        ("x = 1  # noqa: S603, S607 - a fixed command", 0),
        ("x = 1  # any comment", 0),
        ('x = "# noqa"', 0),
    ],
)
def test_a_check_that_is_switched_off_without_a_reason_is_seen(line, found):
    assert len(unexplained(line)) == found


def test_every_check_that_is_switched_off_says_why(files, root):
    bare = {
        str(path.relative_to(root)): found
        for path in files
        if path.suffix == ".py" and (found := unexplained(path.read_text()))
    }
    assert bare == {}
