"""No file makes a traceback: whatever the bytes, it is a workflow or a `ConfigurationError`."""

from __future__ import annotations

import copy
import json
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leadagent_prefect.diagnostics import render_github, render_json, render_sarif, render_text
from leadagent_prefect.errors import ConfigurationError
from leadagent_prefect.loader import examine, load, read
from leadagent_prefect.models import TaskConfig
from leadagent_prefect.plan import plan_of
from leadagent_prefect.source import read_path

CASES = Path(__file__).parents[1] / "cases"
SEEDS = [
    path.read_bytes()
    for path in sorted(CASES.glob("*/*"))
    if path.suffix != ".out" and path.stat().st_size < 5000
]
SPICE = [
    *(b"\t", b"\x00", b"\xff", b"\r", b"{{", b"}}", b"*a", b"&a ", b"<<: ", b"!!python/name:os.system "),
    *(b"---\n", b"[", b"]", b"{", b"}", b": ", b"- ", b"'", b'"', b"|\n", b"#", b"%", b"@", b"? ", b"\n"),
    *(b"\xe2\x80\xa8", b"\xef\xbb\xbf", b".nan", b"1e999", b"\\ud800", b"null", b"0x", b"9" * 30),
]

PROFILE = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A case of tests/cases with a few places cut, doubled or replaced."""
    content = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 12)))
        piece = draw(
            st.one_of(st.sampled_from(SPICE), st.just(content[start:end] * 2), st.binary(max_size=4))
        )
        content = content[:start] + piece + content[end:]
    return content


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything within plain data."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(*path, key) for key, _ in items] + [
        p for key, inner in items for p in places(inner, (*path, key))
    ]


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


WHOLE = [read_path(path).data for path in sorted((CASES / "ok").glob("*.yaml"))]
PIECES = [
    *(at(whole, path) for whole in WHOLE for path in places(whole)),
    *(None, True, -1, "", "{{", "{{ item }}", "{{ previous.x }}", "{{ tasks.fetch.result }}", [], {}, [[]]),
]
TASK_KEYS = [field.alias or name for name, field in TaskConfig.model_fields.items()]


@st.composite
def disturbed(draw: st.DrawFn) -> dict[str, Any]:
    """A valid workflow with a few values out of others in the places of its own."""
    whole: dict[str, Any] = copy.deepcopy(draw(st.sampled_from(WHOLE)))
    for _ in range(draw(st.integers(1, 4))):
        path = draw(st.sampled_from(places(whole)))
        holder = at(whole, path[:-1])
        key = (
            path[-1] if draw(st.booleans()) or isinstance(holder, list) else draw(st.sampled_from(TASK_KEYS))
        )
        holder[key] = copy.deepcopy(draw(st.sampled_from(PIECES)))
    return whole


def survives(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    document = read_path(path)
    _, diagnostics = examine(document)
    for render in (render_text, render_json, render_github, render_sarif):
        render(diagnostics)
    for diagnostic in diagnostics:
        if diagnostic.span and diagnostic.code != "not-utf-8":
            assert 1 <= diagnostic.span.line <= diagnostic.span.end_line
            assert 1 <= diagnostic.span.column <= len(document.line(diagnostic.span.line)) + 2
    broken = any(d.severity == "error" for d in diagnostics)
    with pytest.raises(ConfigurationError) if broken else nullcontext():
        load(path)


@pytest.mark.parametrize("name", ["a.yaml", "a.json"])
def test_mutations_of_files_never_give_a_traceback(name: str, tmp_path: Path) -> None:
    @PROFILE
    @given(mutated())
    def check(content: bytes) -> None:
        survives(content, tmp_path / name)

    check()


def test_a_workflow_with_values_in_wrong_places_is_told_of_or_planned() -> None:
    parts = {"../parts/digest.yaml": (CASES / "parts" / "digest.yaml").read_text()}

    @PROFILE
    @given(disturbed())
    def check(data: dict[str, Any]) -> None:
        with suppress(ConfigurationError):
            assert plan_of(load(data, parts=parts)).in_order

    check()


@pytest.mark.parametrize("name", ["a.yaml", "a.json"])
def test_random_bytes_never_give_a_traceback(name: str, tmp_path: Path) -> None:
    @PROFILE
    @given(st.binary(max_size=200))
    def check(content: bytes) -> None:
        survives(content, tmp_path / name)

    check()


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(max_size=2),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)
KEYS = st.sampled_from(
    [
        "name",
        "agents",
        "tasks",
        "inputs",
        "outputs",
        "schedule",
        "parameters",
        "authentication",
        "retry_config",
        "type",
        "depends_on",
        "agent_name",
        "action",
        "timeout",
        "min_success",
        "when",
        "output_schema",
        "accept_status",
    ]
)
SHAPED = st.recursive(
    PLAIN,
    lambda inner: st.dictionaries(KEYS, inner, max_size=6) | st.lists(inner, max_size=3),
    max_leaves=20,
)


@pytest.mark.no_cover
def test_dicts_of_any_shape_never_give_a_traceback() -> None:
    @PROFILE
    @given(st.dictionaries(KEYS, SHAPED))
    def check(data: dict[str, Any]) -> None:
        diagnostics = examine(read(data))[1]
        render_text(diagnostics)
        assert all(d.span is None for d in diagnostics)

    check()


HOSTILE = [
    "a\u202eb",
    "a\u2066b",
    "a\x00b",
    "a\x1b[31m",
    "a\nb",
    "a\u2028b",
    "\x85",
    "\ufeff",
    "x" * 129,
    "",
    "   ",
    "\u200e",
]
ODD = [
    "{parameters.__class__}",
    "{",
    "}",
    "%s",
    'x"""\nimport os'.replace("\n", " "),
    "class",
    "__import__('os')",
    "a\\",
    "{x!r}",
    "../../etc/cron.d/x",
    "/abs",
    "con",
    "$(id)",
    "`id`",
    "日本語",
    "ﬁle",
    "😀",
    "a" * 128,
    "<script>",
    "null",
    "true",
]


def named(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "agents": [{"name": name, "type": "http_api", "endpoint": "https://x.example"}],
        "tasks": [{"name": name, "agent_name": name, "action": "GET"}],
    }


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_refused_and_harmless_to_show(name: str) -> None:
    document = read(json.dumps(named(name)), format="json")
    diagnostics = examine(document)[1]

    assert [d.code for d in diagnostics if d.code == "invalid-name"] == ["invalid-name"] * 3
    text = render_text(diagnostics)
    assert all(line.isprintable() for line in text.splitlines())


@pytest.mark.parametrize("name", ODD)
def test_an_odd_name_is_a_name_like_any_other(name: str) -> None:
    assert load(named(name)).workflow.tasks[0].name == name
