"""Records that many processes change, none of which loses another's change.

Prefect's blocks and variables are last-write-wins, but of many that create a variable of one name one
succeeds. So every version of a record is a variable of its own, ``NAME-000042``, and to change a record is to
create the next version: whoever comes second is told, reads again and decides anew. No lock is held by
anybody, so nothing hangs when a process is killed; what is left then is an old version, which the next writer
takes away.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.exceptions import PrefectHTTPStatusError

_VERSIONED = re.compile(r"(.+)-(\d{6,})")
_PAGE = 200
_TAKEN = 409


@dataclass(frozen=True)
class Version:
    """``number`` is 0 where there is no record yet; ``data`` is None there, and where it is no mapping."""

    number: int = 0
    data: Mapping[str, Any] | None = None
    author: str | None = None


_NONE = Version()


async def read_all(client: PrefectClient, prefix: str) -> dict[str, Version]:
    """The newest version of every record whose name begins with ``prefix``."""
    newest: dict[str, Version] = {}
    for row in await _rows(client, prefix):
        name, version = _version(row)
        if name.startswith(prefix) and version.number > newest.get(name, _NONE).number:
            newest[name] = version
    return newest


async def write(
    client: PrefectClient, name: str, number: int, data: Mapping[str, Any], author: str
) -> tuple[bool, list[str]]:
    """Makes ``data`` version ``number`` of a record, and says whether it did: another process may be first.
    Then come the ids of the older versions, for `delete`. The same ``author`` may try again.
    """
    body = {"name": f"{name}-{number:06}", "value": {**data, "by": author}, "tags": ["leadagent"]}
    try:
        await client.request("POST", "/variables/", json=body)
    except PrefectHTTPStatusError as error:
        if error.response.status_code != _TAKEN:
            raise
    # Who slept through later versions could make this one anew, since they have taken it away.
    rows = [(str(row["id"]), *_version(row)) for row in await _rows(client, f"{name}-")]
    mine = [(id, version) for id, of, version in rows if of == name]
    won = any(version.author == author for _, version in mine) and all(v.number <= number for _, v in mine)
    return won, [id for id, version in mine if won and version.number < number]


async def delete(client: PrefectClient, ids: Iterable[str]) -> None:
    """Takes versions away, as far as they are there still."""
    for id in ids:
        with suppress(PrefectHTTPStatusError):  # another process was first
            await client.request("DELETE", "/variables/{id}", path_params={"id": id})


async def _rows(client: PrefectClient, part: str) -> list[Any]:
    rows: list[Any] = []
    while True:
        asked = {"variables": {"name": {"like_": part}}, "limit": _PAGE, "offset": len(rows)}
        page = (await client.request("POST", "/variables/filter", json=asked)).json()
        rows += page
        if len(page) < _PAGE:
            return rows


def _version(row: Mapping[str, Any]) -> tuple[str, Version]:
    found = _VERSIONED.fullmatch(row["name"])
    if found is None:
        return "", _NONE
    value = row["value"]
    with suppress(TypeError, ValueError):  # Prefect's own form of JSON in a text
        value = json.loads(value)
    data = value if isinstance(value, dict) else None
    return found[1], Version(int(found[2]), data, data.get("by") if data is not None else None)
