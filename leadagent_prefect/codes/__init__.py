"""The table of diagnostic codes. A code is stable: it is never renamed and never given another meaning.

docs/diagnostics.md is generated from it, with an example out of tests/cases.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from leadagent_prefect.codes import checking, outside, parts, reading
from leadagent_prefect.codes.row import Code as Code
from leadagent_prefect.codes.row import Severity as Severity

_ROWS = (*reading.ROWS, *checking.ROWS, *parts.ROWS, *outside.ROWS)

CODES: Mapping[str, Code] = MappingProxyType(
    {row.code: row for row in sorted(_ROWS, key=lambda row: row.code)}
)
