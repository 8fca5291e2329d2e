"""Whether other machines can read the results of runs.

A run that is resumed elsewhere finds in them what is done already; without them everything is called again.
Prefect takes the block of the setting, then the one the server names, then a folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from leadagent_prefect.doctor.finding import Finding
from leadagent_prefect.doctor.place import host_of, is_this_machine
from leadagent_prefect.embedded import PrefectApi
from leadagent_prefect.embedded.configured import setting
from leadagent_prefect.embedded.probe import ask

_BLOCK = ("PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK", "PREFECT_DEFAULT_RESULT_STORAGE_BLOCK")
_FOLDER = ("PREFECT_RESULTS_LOCAL_STORAGE_PATH", "PREFECT_LOCAL_STORAGE_PATH")
_LOCAL = "local-file-system"


def check_results(api: PrefectApi) -> Iterator[Finding]:
    """Of an API on another machine: where this machine's runs keep their results."""
    if is_this_machine(host_of(api.url)):
        return
    block = setting(*_BLOCK) or _block_of(api)
    folder = setting(*_FOLDER)
    if block and not block.startswith(f"{_LOCAL}/"):
        yield Finding("results", "ok", f"are kept in the block {block}")
    elif block:
        found = f"are kept in the block {block}, a folder, which must be the same one on every machine"
        yield Finding("results", "ok", found)
    elif folder and not _is_home(folder):
        yield Finding("results", "ok", f"are kept in {folder}, which every machine must share")
    else:
        found = (
            f"are kept in {folder or 'PREFECT_HOME/storage'} of this machine alone: another one can't read "
            "them, and so can't resume a run that was begun here"
        )
        mend = (
            f"on every machine set {_FOLDER[0]}=/a/shared/folder, or {_BLOCK[0]}=s3-bucket/NAME or another "
            "storage block"
        )
        yield Finding("results", "warning", found, mend)


def _block_of(api: PrefectApi) -> str | None:
    """The block that the server names for everybody, as ``type/name``."""
    named: Any = ask(api, "/admin/storage")
    identity = named.get("default_result_storage_block_id") if isinstance(named, dict) else None
    if identity is None:
        return None
    found: Any = ask(api, f"/block_documents/{identity}")
    if not isinstance(found, dict):
        return str(identity)
    return f"{found.get('block_type', {}).get('slug')}/{found.get('name')}"


def _is_home(folder: str) -> bool:
    """Is it below this machine's own PREFECT_HOME?"""
    home = os.environ.get("PREFECT_HOME") or "~/.prefect"
    return Path(folder).expanduser().resolve().is_relative_to(Path(home).expanduser().resolve())
