"""One entry of prefect.yaml: what it is made with, and what changes in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from leadagent_prefect.diagnostics import quote
from leadagent_prefect.emit.deployment import OWNED, Deployment, with_gone
from leadagent_prefect.emit.yaml_edits import Edits
from leadagent_prefect.emit.yaml_tree import Node, same
from leadagent_prefect.errors import ConfigurationError

FILENAME = "prefect.yaml"
WORK_POOL = "leadagent"


@dataclass(frozen=True)
class Tuned:
    """What a user tunes in an entry: None, or nothing, leaves an entry that exists as it is.

    A new entry gets the work pool `WORK_POOL`, no limit, and ``parameters``.
    """

    pool: str | None = None
    concurrency_limit: int | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)


def new_entry(deployment: Deployment, tuned: Tuned) -> dict[str, Any]:
    """The data of an entry that is not there yet."""
    entry = {"name": deployment.name, **deployment.owned}
    if deployment.description is None:
        del entry["description"]
    entry["parameters"] = dict(tuned.parameters)
    entry["concurrency_limit"] = tuned.concurrency_limit
    entry["work_pool"] = {"name": tuned.pool or WORK_POOL}
    return entry


def change_entry(
    edits: Edits, node: Node, data: dict[str, Any], deployment: Deployment, tuned: Tuned, *, keep_gone: bool
) -> dict[str, Any]:
    """Makes the changes of one entry, and gives what its data are then."""
    _refuse(node, data, deployment)
    wanted, result = deployment.owned, dict(data)
    if keep_gone and isinstance(data.get("schedules"), list):
        before = [item for item in data["schedules"] if isinstance(item, dict) and item]
        wanted["schedules"] = with_gone(wanted["schedules"], before)
    after = "name"
    for key in OWNED:
        if wanted[key] is None and key not in data:
            continue
        if wanted[key] is None and node.pair(key):
            edits.remove(node, key)
            del result[key]
            continue
        result[key] = wanted[key]
        if key not in data or not same(data[key], wanted[key]):
            edits.set(node, key, wanted[key], after)
        after = key if node.pair(key) else after
    return _tune(edits, node, result, tuned)


def _refuse(node: Node, data: Mapping[str, Any], deployment: Deployment) -> None:
    """What can't be kept in step, of an entry."""
    if node.kind != "mapping":
        raise wrong(node, f"the deployment {quote(deployment.name)} is an alias: write it out")
    names: set[str] = set()
    for key, _ in node.pairs:
        if key.value in names:
            raise wrong(key, f"the key {quote(key.value)} stands twice")
        names.add(key.value)
    if "schedule" in data:
        older = node.pair("schedule")
        raise wrong(older[0] if older else node, "schedule stands beside schedules, which Prefect refuses")


def _tune(edits: Edits, node: Node, data: dict[str, Any], tuned: Tuned) -> dict[str, Any]:
    if tuned.pool is not None:
        _lay(edits, node, data, "work_pool", {"name": tuned.pool})
    if tuned.parameters:
        _lay(edits, node, data, "parameters", tuned.parameters)
    limit = tuned.concurrency_limit
    if limit is not None and isinstance(data.get("concurrency_limit"), dict):
        _lay(edits, node, data, "concurrency_limit", {"limit": limit})
    elif limit is not None and data.get("concurrency_limit") != limit:
        data["concurrency_limit"] = limit
        edits.set(node, "concurrency_limit", limit, _last(node))
    return data


def _lay(edits: Edits, node: Node, data: dict[str, Any], key: str, parts: Mapping[str, Any]) -> None:
    """Lays ``parts`` over the mapping that ``key`` of an entry is, or makes it one."""
    before = data[key] if isinstance(data.get(key), dict) else {}
    changed = {
        name: part for name, part in parts.items() if name not in before or not same(before[name], part)
    }
    if not changed:
        return
    data[key] = {**before, **changed}
    pair = node.pair(key)
    if pair is None or pair[1].kind != "mapping" or not pair[1].items:
        edits.set(node, key, data[key], _last(node))
        return
    for name, part in changed.items():
        edits.set(pair[1], name, part, _last(pair[1]))


def _last(mapping: Node) -> str:
    return mapping.pairs[-1][0].value


def wrong(node: Node, message: str) -> ConfigurationError:
    """What is wrong with a node of prefect.yaml, with its place."""
    return ConfigurationError(f"{FILENAME}:{node.line + 1}:{node.column + 1}: {message}")
