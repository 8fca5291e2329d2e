"""Plan -> a picture of it: tree, mermaid, dot, svg, html. Text only; names are escaped for each format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Literal, cast

from leadagent_prefect.plan import Plan

Format = Literal["tree", "mermaid", "dot", "svg", "html"]

#: Every format, and the endings of files that mean it.
FORMATS: Mapping[Format, tuple[str, ...]] = {
    "tree": (".txt",),
    "mermaid": (".mmd", ".mermaid"),
    "dot": (".dot", ".gv"),
    "svg": (".svg",),
    "html": (".html", ".htm"),
}


def render_graph(plan: Plan, format: Format = "tree", *, opened: bool = True) -> str:
    """The picture as text that ends with a line break.

    A sub-workflow, or tasks that stand inline, are drawn within the task they are of, unless not ``opened``.
    """
    render = import_module(f"leadagent_prefect.graph.{format}").render
    return cast(Callable[[Plan, bool], str], render)(plan, opened)
