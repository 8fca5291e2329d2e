"""Keeps prefect.yaml in step with the workflows: their own keys are rewritten, every other byte stays.

PyYAML gives the places, and the text between them is never written anew: a round trip through ruamel.yaml
joins long lines, aligns comments and lays out lists its own way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from leadagent_prefect.diagnostics import quote
from leadagent_prefect.emit.deployment import Deployment
from leadagent_prefect.emit.prefect_yaml_entry import FILENAME, Tuned, change_entry, new_entry, wrong
from leadagent_prefect.emit.yaml_edits import Edits, dump
from leadagent_prefect.emit.yaml_tree import Node, Tree, read, same
from leadagent_prefect.errors import ConfigurationError

__all__ = ["FILENAME", "Tuned", "update"]

_NOTHING_TUNED = Tuned()
_HEAD = """\
# Deployments of workflows. `leadagent compile` and `leadagent deploy` keep entrypoint, version, description,
# tags and schedules of theirs in step with the workflow files; all else in here is yours.
# `prefect deploy` wants the work pool to be there: `leadagent worker` and `leadagent deploy` make it, as does
# `prefect work-pool create leadagent --type leadagent`.
"""


def update(
    text: str | None,
    deployments: Sequence[Deployment],
    *,
    tuned: Tuned = _NOTHING_TUNED,
    force: bool = False,
    keep_gone: bool = True,
) -> str:
    """``text`` of prefect.yaml (None: there is none yet) with one entry for each deployment.

    The same text comes back where nothing has changed. ``force`` takes over an entry of a deployment's name
    that leads to another flow. ``keep_gone`` switches schedules that a workflow has no longer off, since
    ``prefect deploy`` can't delete them; without it they are left out. Raises `ConfigurationError`, with the
    place in ``text``, where that is none that can be kept in step.
    """
    _refuse_same_names(deployments)
    tree = read(text or "", FILENAME)
    if tree.root is not None and (tree.root.kind != "mapping" or tree.root.flow):
        raise wrong(tree.root, "expected a mapping in block style, with the key deployments")
    entries, found = _entries(tree)
    edits = Edits(tree.text, offset=_offset(tree, found))
    expected = {**(tree.data or {}), "deployments": [dict(data) for _, data in entries]}
    fresh: list[dict[str, Any]] = []
    for deployment in deployments:
        index = _index(entries, deployment, force)
        if index is None:
            fresh.append(new_entry(deployment, tuned))
        else:
            expected["deployments"][index] = change_entry(
                edits, *entries[index], deployment, tuned, keep_gone=keep_gone
            )
    expected["deployments"] += fresh
    if not deployments or same(expected, tree.data):
        return tree.text
    return _checked(_with_fresh(edits, tree, found, fresh), expected)


def _refuse_same_names(deployments: Sequence[Deployment]) -> None:
    ordered = sorted(deployments, key=lambda deployment: deployment.name)
    for one, other in pairwise(ordered):
        if one.name == other.name:
            raise ConfigurationError(
                f"two workflows become one deployment {quote(one.name)} ({one.entrypoint} and "
                f"{other.entrypoint}): rename one of them"
            )


def _entries(tree: Tree) -> tuple[list[tuple[Node, dict[str, Any]]], Node | None]:
    """The entries there are, with their data, and the list they stand in."""
    pairs = tree.root.pairs if tree.root else []
    named = [pair for pair in pairs if pair[0].value == "deployments"]
    if len(named) > 1:
        raise wrong(named[1][0], 'the key "deployments" stands twice')
    found = named[0][1] if named else None
    data = tree.data["deployments"] if tree.data and "deployments" in tree.data else None
    if data is None:
        return [], found
    if found is None or found.kind != "sequence":
        raise wrong(found or named[0][0] if named else pairs[0][0], "deployments is no list")
    for node, item in zip(found.items, data, strict=True):
        if not isinstance(item, dict):
            raise wrong(node, "an entry of deployments is a mapping")
    return list(zip(found.items, data, strict=True)), found


def _offset(tree: Tree, found: Node | None) -> int:
    """By how much the file's lists stand to the right of their keys."""
    if tree.root is None or found is None or found.flow or not found.items:
        return 0
    return 2 if found.column > tree.root.column else 0


def _index(entries: list[tuple[Node, dict[str, Any]]], deployment: Deployment, force: bool) -> int | None:
    """Which entry is the deployment's: that of its name and flow, whatever folder the flow's file is in."""
    named = [index for index, (_, data) in enumerate(entries) if data.get("name") == deployment.name]
    flow = deployment.entrypoint.rpartition("/")[2]
    own = [index for index in named if _flow_of(entries[index][1]) == flow]
    if len(own) > 1:
        raise wrong(entries[own[1]][0], f"the deployment {quote(deployment.name)} stands twice")
    if not own and named and not force:
        node, data = entries[named[0]]
        raise wrong(
            node,
            f"the deployment {quote(deployment.name)} is there already and leads to "
            f"{data.get('entrypoint')}, not to {deployment.entrypoint}: rename it or the workflow, or let "
            "--force take it over",
        )
    return next(iter(own or named), None)


def _flow_of(data: Mapping[str, Any]) -> str:
    return str(data.get("entrypoint")).replace("\\", "/").rpartition("/")[2]


def _with_fresh(edits: Edits, tree: Tree, found: Node | None, fresh: list[dict[str, Any]]) -> str:
    """The changed text with the new entries at the end of the list, which is made where there is none."""
    if found is not None and found.items:
        for entry in fresh:
            edits.append(found, entry)
        return edits.made()
    if tree.root is not None and found is not None:
        edits.set(tree.root, "deployments", fresh, "deployments")
        return edits.made()
    newline = "\r\n" if "\r\n" in tree.text else "\n"
    head = tree.text or _HEAD
    column = tree.root.column if tree.root else 0
    block = dump({"deployments": fresh}).replace("\n", newline + " " * column)
    gap = "" if head.endswith("\n") else newline
    return f"{head}{gap}{' ' * column}{block}{newline}"


def _checked(text: str, expected: dict[str, Any]) -> str:
    """A last look with Prefect's eyes: an anchor in a changed part, say, is read elsewhere as well."""
    problem = (
        "it is written in a way that can't be kept in step: does an entry have an anchor that is used "
        "elsewhere?"
    )
    try:
        tree = read(text, FILENAME)
    except ConfigurationError as error:
        raise ConfigurationError(f"{FILENAME}: {problem} ({error})") from None
    if not same(tree.data, expected):
        raise ConfigurationError(f"{FILENAME}: {problem} Nothing was written")
    return text
