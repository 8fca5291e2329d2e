"""Pictures of plans: what they show, and that no name can break out of one."""

from __future__ import annotations

import itertools
import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from leadagent_prefect.graph import FORMATS, render_graph
from leadagent_prefect.loader import load
from leadagent_prefect.models import Workflow
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


CALLING_NOBODY = {"workflow", "tasks", "value", "wait", "fail", "finish"}
AGENTS = [{"name": "a", "type": "http_api", "endpoint": "http://127.0.0.1"}]


def filled(tasks):
    call = {"agent_name": "a", "action": "GET"}
    rows = [({} if CALLING_NOBODY & task.keys() else call) | task for task in tasks]
    return [row | {"tasks": filled(row["tasks"])} if "tasks" in row else row for row in rows]


def plan(*tasks, name="flow", **settings):
    return build(load({"name": name, "agents": AGENTS, "tasks": filled(tasks), **settings}).workflow)


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


def nested(name):
    """Plans in a plan, each part of which has tasks of that name."""
    part = {"name": name, "agents": AGENTS, "tasks": filled([{"name": name}, {"name": "y"}])}
    part["finally"] = filled([{"name": f"{name}z"}])
    repeat = {"until": f"{{{{ result == {json.dumps(name)} }}}}", "every": 10, "max_times": 6}
    inner = [{"name": name}, {"name": "y", "depends_on": [name], "compensate": {"action": "DELETE"}}]
    whole = {
        "name": name,
        "agents": AGENTS,
        "tasks": filled(
            [
                {"name": "first"},
                {"name": f"{name}each", "depends_on": ["first"], "tasks": inner, "repeat": repeat},
                {"name": "sub", "workflow": "other.yaml", "for_each": [1, 2]},
                {"name": "join", "depends_on": [f"{name}each", "sub"]},
            ]
        ),
        "on_failure": filled([{"name": f"{name}f"}]),
        "finally": filled([{"name": "clean"}, {"name": "log", "depends_on": ["clean"], "tasks": inner}]),
    }
    parts = {"other.yaml": build(Workflow.model_validate(part, by_alias=True, by_name=False))}
    return build(Workflow.model_validate(whole, by_alias=True, by_name=False), parts=parts)


def test_a_tree_shows_tasks_in_tasks_and_those_at_the_end():
    assert render_graph(nested("x")) == (
        "x\n"
        "├─ first  [a: GET]\n"
        '│  └─ xeach  [2 tasks]  until {{ result == "x" }}, at most 6 times, 10 s apart\n'
        "│     ┊  └─ x  [a: GET]\n"
        "│     ┊     └─ y  [a: GET]  undone by a: DELETE\n"
        "│     └─ join  [a: GET]  (waits for 2 tasks)\n"
        "└─ sub  [workflow: other.yaml]  for each of 2\n"
        "   ┊  ├─ x  [a: GET]\n"
        "   ┊  └─ y  [a: GET]\n"
        "   ┊  finally, at the end of every run\n"
        "   ┊  └─ xz  [a: GET]\n"
        "   └─ (join)\n"
        "\n"
        "on_failure, after a run that failed\n"
        "└─ xf  [a: GET]\n"
        "\n"
        "finally, at the end of every run\n"
        "└─ clean  [a: GET]\n"
        "   └─ log  [2 tasks]\n"
        "      ┊  └─ x  [a: GET]\n"
        "      ┊     └─ y  [a: GET]  undone by a: DELETE\n"
    )


def test_a_closed_tree_shows_no_task_of_a_task():
    closed = render_graph(nested("x"), opened=False)
    assert "┊" not in closed
    assert "└─ sub  [workflow: other.yaml]  for each of 2\n   └─ (join)" in closed
    assert "   └─ log  [2 tasks]\n" in closed


def test_mermaid_and_dot_draw_bodies_as_groups_with_arrows_to_them():
    lines = {line.strip() for line in render_graph(nested("x"), "mermaid").splitlines()}
    wanted = {"t0 --> t1", "t1 --> t3", "t2 --> t3", "t1t0 --> t1t1", "e0 --> e1", "e1t0 --> e1t1"}
    assert wanted <= lines
    assert 't2e0["xz<br/><small>a#58; GET</small>"]' in lines
    assert [line.split("[")[0] for line in sorted(lines) if line.startswith("subgraph")] == [
        "subgraph e1",
        "subgraph e",
        "subgraph f",
        "subgraph t1",
        "subgraph t2",
        "subgraph t2e",
    ]
    lines = {line.strip() for line in render_graph(nested("x"), "dot").splitlines()}
    assert {
        "t0 -> t1t0 [lhead=cluster_t1];",
        "t1t1 -> t3 [ltail=cluster_t1];",
        "t2t1 -> t3 [ltail=cluster_t2];",
        "e0 -> e1t0 [lhead=cluster_e1];",
        'label="finally, at the end of every run";',
    } <= lines
    assert not any(
        "cluster_t" in line for line in render_graph(nested("x"), "dot", opened=False).splitlines()
    )


def test_svg_boxes_lie_within_those_they_are_in():
    root = ET.fromstring(render_graph(nested("x"), "svg"))  # noqa: S314 - our own text
    width, height = map(float, root.get("viewBox").split()[2:])
    found = [
        [float(rect.get(key)) for key in ("x", "y", "width", "height")] for rect in root.iter(f"{SVG}rect")
    ]
    assert len(found) == 17  # 14 tasks, and 3 groups at an end
    edges = [(x, y, x + w, y + h) for x, y, w, h in found]
    assert all(0 < left < right < width and 0 < top < bottom < height for left, top, right, bottom in edges)
    for a, b in itertools.combinations(edges, 2):
        apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        outer, inner = (a, b) if a[0] < b[0] else (b, a)
        within = outer[0] < inner[0] and outer[1] < inner[1] and outer[2] > inner[2] and outer[3] > inner[3]
        assert apart or within


def test_html_names_a_task_in_a_task_as_its_task_run():
    page = render_graph(nested("x"), "html")
    cells = re.findall(r"<tr><td>(.*?)</td>", page)
    inner = ["xeach.x", "xeach.y", "sub", "sub.x", "sub.y", "sub.xz"]
    assert sorted(cells) == sorted(["first", "xeach", *inner, "join", "xf", "clean", "log", "log.x", "log.y"])
    heads = re.findall(r'<th colspan="6">(.*?)</th>', page)
    assert heads == [
        "sub finally, at the end of every run",
        "on_failure, after a run that failed",
        "finally, at the end of every run",
    ]
    assert "<td>until {{ result == &quot;x&quot; }}, at most 6 times, 10 s apart</td>" in page
    assert "xeach.x" not in render_graph(nested("x"), "html", opened=False)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("format", FORMATS)
def test_no_name_in_a_body_breaks_out(format, name):
    """What it shows of a harmless name and of a hostile one differs in words alone."""
    marks = {
        "mermaid": r"#\d+;|[^\x00-\x7f]|\\w|[A-Za-z0-9 ]",
        "dot": r'\\.|&amp;|[^"\\]',
    }
    text, harmless = (render_graph(nested(one), format) for one in (name, "x"))
    if format in marks:
        shape = re.compile(rf'"(?:{marks[format]}|<br/>|</?small>)*?"(?=[\];, \n{{])')
        assert shape.sub('""', text) == shape.sub('""', harmless)
    elif format == "svg":
        tags = [[one.tag for one in ET.fromstring(svg).iter()] for svg in (text, harmless)]  # noqa: S314 - our own text
        assert tags[0] == tags[1]
    elif format == "html":
        assert re.findall(r"</?\w+", text) == re.findall(r"</?\w+", harmless)
    else:
        assert len(text.splitlines()) == len(harmless.splitlines())


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
