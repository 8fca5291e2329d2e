"""Python, packages, plugins, and the programs that some agents start."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from leadagent_prefect.doctor.finding import Finding
from leadagent_prefect.observe.installed import examine_observers

_PYTHON = (3, 10)


class PackageRange(NamedTuple):
    """Versions that work, from ``least`` to below ``limit``, and what happens with others."""

    least: str
    limit: str | None
    trouble: str = "other versions were not tried"

    @property
    def specifier(self) -> str:
        return f">={self.least},<{self.limit}" if self.limit else f">={self.least}"

    def has(self, version: str) -> bool:
        release = _numbers(version)
        return _numbers(self.least) <= release and (self.limit is None or release < _numbers(self.limit))


#: The same as in pyproject.toml; pip may have been told otherwise, and Prefect itself leaves some open.
PACKAGES: Mapping[str, PackageRange] = {
    "prefect": PackageRange("3.8.8", "3.9"),
    "fastapi": PackageRange("0.139", "0.147", "`prefect deploy` fails or the Prefect server does not start"),
    "sqlalchemy": PackageRange("2.0", "2.1", "with 2.1 Prefect's scheduler fails: no scheduled run appears"),
    "mcp": PackageRange("2.3", "3"),
    "httpx": PackageRange("0.28", "0.29"),
    "pydantic": PackageRange("2.13", "3"),
    "jinja2": PackageRange("3.1.6", "4"),
    "google-re2": PackageRange("1.1.20240702", None),
    "jsonschema": PackageRange("4.23", "5"),
    "pyyaml": PackageRange("6.0.2", "7"),
}


def check_python() -> Iterator[Finding]:
    found = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info >= _PYTHON:
        yield Finding("python", "ok", found)
    else:  # pragma: no cover - the tests run on the versions that are supported
        yield Finding("python", "error", found, f"use Python {'.'.join(map(str, _PYTHON))} or newer")


def check_packages() -> Iterator[Finding]:
    for name, wanted in PACKAGES.items():
        mend = f'pip install "{name}{wanted.specifier}"'
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield Finding(name, "error", "is not installed", mend)
            continue
        if wanted.has(version):
            yield Finding(name, "ok", version)
        else:
            found = f"{version} is outside {wanted.specifier}: {wanted.trouble}"
            yield Finding(name, "error", found, mend)


def check_observers() -> Iterator[Finding]:
    for named, trouble in examine_observers():
        if trouble is None:
            yield Finding("observer", "ok", named)
        else:
            mend = "mend or remove that package; runs go on without this observer"
            yield Finding("observer", "warning", f"{named} is left out: {trouble}", mend)


def check_node() -> Iterator[Finding]:
    path = shutil.which("npx")
    yield Finding("node", "ok", path or "npx is not there; only MCP servers that come from npm need it")


def _numbers(version: str) -> tuple[int, ...]:
    """The release of a version; what may follow it (``rc1``) is left out."""
    release = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, release[0].split("."))) if release else ()
