"""``python -m leadagent_prefect.embedded``: the server process itself."""

from __future__ import annotations

from leadagent_prefect.embedded.server import main

main()
