"""The Prefect API that the user configured, read without importing prefect.

Prefect's own order holds: the environment, ``.env``, ``prefect.toml`` and ``pyproject.toml`` of the
working folder, then the active profile of ``PREFECT_HOME/profiles.toml``.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from leadagent_prefect.embedded.api import PrefectApi

#: In the standard library from 3.11 on; before that the package it was made of.
tomllib: Any = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

Settings = Mapping[str, str]


def configured_api() -> PrefectApi | None:
    """The configured API, whether it can be reached or not; None where none is."""
    url = setting("PREFECT_API_URL")
    if not url:
        return None
    url = url.rstrip("/")
    ui_url = setting("PREFECT_UI_URL") or _ui_url(url)
    return PrefectApi(url=url, auth_string=setting("PREFECT_API_AUTH_STRING"), embedded=False, ui_url=ui_url)


def setting(*names: str) -> str | None:
    """What Prefect will take one of its settings to be; ``names`` are its variable and older ones of it.

    An empty text in the environment takes back what a profile says.
    """
    for layer in _layers():
        for name in names:
            if name in layer:
                return layer[name]
    return None


def _layers() -> Iterator[Settings]:
    yield os.environ
    yield _dotenv()
    yield _flat(_toml(Path("prefect.toml")))
    yield _flat(_table(_toml(Path("pyproject.toml")), "tool", "prefect"))
    yield _profile()


def _dotenv() -> Settings:
    if not Path(".env").is_file():
        return {}
    import dotenv  # 10 ms that only such a folder pays

    return {name: value for name, value in dotenv.dotenv_values(".env").items() if value is not None}


def _toml(path: Path) -> dict[str, Any]:
    """A file that is missing or broken says nothing: Prefect itself reports it."""
    try:
        return dict(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _table(data: Any, *keys: str) -> dict[str, Any]:
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def _flat(table: dict[str, Any], prefix: str = "PREFECT") -> dict[str, str]:
    """``{"api": {"url": ...}}`` as ``{"PREFECT_API_URL": ...}``."""
    found: dict[str, str] = {}
    for key, value in table.items():
        name = f"{prefix}_{key.upper()}"
        found.update(_flat(value, name) if isinstance(value, dict) else {name: str(value)})
    return found


def _profile() -> Settings:
    ours = Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser() / "profiles.toml"
    path = Path(os.environ.get("PREFECT_PROFILES_PATH") or ours)
    data = _toml(path if path.exists() else _shipped_profiles())
    name = os.environ.get("PREFECT_PROFILE") or data.get("active")
    return {key: str(value) for key, value in _table(data, "profiles", str(name)).items()}


def _shipped_profiles() -> Path:
    """Prefect's own ``profiles.toml``, found without running a line of prefect."""
    spec = importlib.util.find_spec("prefect")
    folder = spec.submodule_search_locations[0] if spec and spec.submodule_search_locations else ""
    return Path(folder, "settings", "profiles.toml")


def _ui_url(url: str) -> str:
    """As Prefect derives it: the API's address without ``/api``; Prefect Cloud has a host of its own."""
    if url.startswith("https://api.prefect.cloud/api"):
        host = url.replace("https://api.prefect.cloud/api", "https://app.prefect.cloud", 1)
        return host.replace("/accounts/", "/account/").replace("/workspaces/", "/workspace/")
    return url.removesuffix("/api")
