"""Pictures of plans: what they show, and that no name can break out of one."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from leadagent_prefect.graph import FORMATS, render_graph
from leadagent_prefect.loader import load
from leadagent_prefect.plan import build

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = [
    '"];\n'.strip() + 'x["',
    "</title></svg><script>alert(1)</script>",
    "a -->|x| b",
    "end",
    "`md` **b** &amp; #35;",
    "%%{init: {}}%%",
    "\\",
    "日本語の名前がとても長いときはここで切れる",
    "soft\u00adhyphen",
]


CALLING_NOBODY = {"value", "wait", "fail", "finish"}


def plan(*tasks, name="flow", **settings):
    agents = [{"name": "a", "type": "http_api", "endpoint": "http://127.0.0.1"}]
    call = {"agent_name": "a", "action": "GET"}
    rows = [({} if CALLING_NOBODY & task.keys() else call) | task for task in tasks]
    return build(load({"name": name, "agents": agents, "tasks": rows, **settings}).workflow)


@pytest.fixture
def diamond():
    return plan(
        {"name": "fetch"},
        {"name": "left", "depends_on": ["fetch"]},
        {"name": "right", "depends_on": ["fetch"]},
        {"name": "join", "depends_on": ["left", "right"]},
        {"name": "alone"},
    )


@pytest.fixture
def branches():
    return plan(
        {"name": "long", "when": "{{ inputs.deep }}"},
        {"name": "short", "value": 1, "when": "{{\n  not inputs.deep\n}}\n"},
        {"name": "join", "depends_on": ["long", "short"], "trigger_rule": "none_failed", "wait": "5m"},
        {"name": "alarm", "fail": "no", "depends_on": ["join"], "trigger_rule": "one_failed", "when": True},
        {"name": "end", "finish": "enough", "depends_on": ["join"], "when": False},
        inputs={"deep": {"type": "boolean", "default": False}},
    )


@pytest.fixture
def hostile():
    tasks = [{"name": name, "action": name, "when": f"{{{{ {json.dumps(name)} }}}}"} for name in HOSTILE]
    return plan(*tasks, {"name": "last", "depends_on": HOSTILE}, name=HOSTILE[1], description="<b>")


def test_a_tree_shows_each_task_in_full_once(diamond):
    assert render_graph(diamond) == (
        "flow\n"
        "├─ fetch  [a: GET]\n"
        "│  ├─ left  [a: GET]\n"
        "│  │  └─ (join)\n"
        "│  └─ right  [a: GET]\n"
        "│     └─ join  [a: GET]  (waits for 2 tasks)\n"
        "└─ alone  [a: GET]\n"
    )


def test_a_tree_shows_kinds_rules_and_conditions(branches):
    assert render_graph(branches) == (
        "flow\n"
        "├─ long  [a: GET]  when {{ inputs.deep }}\n"
        "│  └─ (join)\n"
        "└─ short  [value]  when {{ not inputs.deep }}\n"
        "   └─ join  [wait 300 s]  (waits for 2 tasks)  none_failed\n"
        "      ├─ alarm  [fail]  one_failed, when true\n"
        "      └─ end  [finish]  when false\n"
    )


@pytest.mark.parametrize(
    ("format", "texts"),
    [
        ("mermaid", ["short<br/><small>value<br/>when #123;#123; not inputs#46;deep #125;#125;</small>"]),
        ("dot", [r'label="long\na: GET\nwhen {{ inputs.deep }}"', r'label="end\nfinish\nwhen false"']),
        (
            "svg",
            ["<title>alarm (fail), one_failed, when true</title>", "<title>join (wait 300 s), none_failed<"],
        ),
        ("html", ["<td>short</td><td></td><td>value</td><td></td><td>when {{ not inputs.deep }}</td>"]),
    ],
)
def test_every_picture_shows_kinds_rules_and_conditions(branches, format, texts):
    picture = render_graph(branches, format)
    assert [text for text in texts if text not in picture] == []


def test_a_map_shows_what_it_goes_over():
    over = "{{\n  inputs.ids\n}}"
    maps = plan(
        {"name": "some", "for_each": over, "when": "{{ item }}"},
        {"name": "two", "for_each": ["a", "b"], "value": "{{ item }}"},
        inputs={"ids": {"type": "array", "default": []}},
    )
    assert render_graph(maps) == (
        "flow\n"
        "├─ some  [a: GET]  for each of {{ inputs.ids }}, when {{ item }}\n"
        "└─ two  [value]  for each of 2\n"
    )


def test_a_long_chain_goes_on_at_the_left():
    chain = plan({"name": "t0"}, *({"name": f"t{n}", "depends_on": [f"t{n - 1}"]} for n in range(1, 60)))
    lines = render_graph(chain).splitlines()
    assert max(map(len, lines)) < 100
    assert "... t23, from above:" in lines
    assert [sum(f" t{n}  [" in line for line in lines) for n in range(60)] == [1] * 60


def test_five_thousand_tasks_in_a_row_are_drawn_by_every_format():
    chain = plan({"name": "t0"}, *({"name": f"t{n}", "depends_on": [f"t{n - 1}"]} for n in range(1, 5000)))
    assert {format: "t4999" in render_graph(chain, format) for format in FORMATS} == dict.fromkeys(
        FORMATS, True
    )


def test_mermaid_has_a_node_and_an_arrow_for_each(diamond):
    text = render_graph(diamond, "mermaid")
    assert text.splitlines()[:2] == ["flowchart TD", '    t0["fetch<br/><small>a#58; GET</small>"]']
    assert re.findall(r"t\d --> t\d", text) == ["t0 --> t1", "t0 --> t2", "t1 --> t3", "t2 --> t3"]


def test_no_name_breaks_out_of_mermaid(hostile):
    lines = render_graph(hostile, "mermaid").splitlines()[1:]
    label = r"(?:[\w ]|[^\x00-\x7f]|#\d+;)*"
    node = re.compile(rf'    t\d+\["{label}<br/><small>{label}(?:<br/>{label})?</small>"\]|    t\d+ --> t\d+')
    assert [line for line in lines if not node.fullmatch(line)] == []


def test_no_name_breaks_out_of_dot(hostile):
    lines = render_graph(hostile, "dot").splitlines()[2:-1]
    node = re.compile(r'    t\d+ \[label="(?:[^"\\]|\\["\\n])*"\];|    t\d+ -> t\d+;')
    assert [line for line in lines if not node.fullmatch(line)] == []


def test_dot_keeps_an_entity_as_it_is_written():
    assert 'label="&amp;lt; \\"b\\" \\\\n\\n' in render_graph(plan({"name": '&lt; "b" \\n'}), "dot")


def test_svg_has_a_box_and_a_curve_for_each(diamond):
    root = ET.fromstring(render_graph(diamond, "svg"))  # noqa: S314 - our own text
    assert [text.text for text in root.iter(f"{SVG}text")][::2] == ["fetch", "left", "right", "join", "alone"]
    assert len([path for path in root.iter(f"{SVG}path") if path.get("class") == "edge"]) == 4


def boxes(root):
    return [(float(box.get("x")), float(box.get("y"))) for box in root.iter(f"{SVG}rect")]


def test_svg_boxes_lie_within_the_picture_and_not_over_each_other(diamond):
    root = ET.fromstring(render_graph(diamond, "svg"))  # noqa: S314 - our own text
    width, height = map(float, root.get("viewBox").split()[2:])
    places = boxes(root)
    assert len(set(places)) == 5
    assert all(0 < x <= width - 180 and 0 < y <= height - 46 for x, y in places)
    rows = {}
    for x, y in places:
        rows.setdefault(y, []).append(x)
    assert all(abs(a - b) >= 180 for row in rows.values() for a in row for b in row if a != b)


def test_no_name_breaks_out_of_svg(hostile):
    root = ET.fromstring(render_graph(hostile, "svg"))  # noqa: S314 - our own text
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags == {"svg", "title", "style", "defs", "marker", "path", "g", "rect", "text"}
    titles = [title.text for title in root.iter(f"{SVG}title")]
    condition = f"when {{{{ {json.dumps(HOSTILE[0])} }}}}"
    assert titles[:2] == [HOSTILE[1], f"{HOSTILE[0]} (a: {HOSTILE[0]}), {condition}"]


def test_a_long_name_is_cut_to_its_box_and_whole_in_the_tooltip(hostile):
    text = render_graph(hostile, "svg")
    assert ">日本語の名前がとても長…<" in text
    assert f"<title>{HOSTILE[7]} (" in text


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.cells: list[str] = []
        self._in_cell = False

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self._in_cell = tag == "td"

    def handle_data(self, data):
        if self._in_cell:
            self.cells.append(data)


def test_html_is_a_page_with_the_picture_and_a_table_and_no_script(hostile):
    page = render_graph(hostile, "html")
    parser = _Tags()
    parser.feed(page)
    assert parser.tags >= {"html", "svg", "table", "h1", "p"}
    assert not parser.tags & {"script", "b", "img", "link", "iframe"}
    assert "<p>&lt;b&gt;</p>" in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "<p>" not in render_graph(plan({"name": "t"}), "html")


def test_what_cannot_be_seen_is_shown_as_an_escape(hostile):
    for format in FORMATS:
        assert "\u00ad" not in render_graph(hostile, format)
    assert "soft\\xadhyphen" in render_graph(hostile)


@pytest.mark.parametrize("format", FORMATS)
def test_what_undoes_a_task_is_shown_with_it(format):
    shown = render_graph(plan({"name": "book", "compensate": {"action": "DELETE"}}, {"name": "pay"}), format)
    assert len(re.findall(r"undone by a(:|#58;) DELETE", shown)) == 1
