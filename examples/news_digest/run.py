"""Runs workflow.yaml, with the services that it calls started for it. Arguments go on to `leadagent run`."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # where the services of all examples are

from servers import Services  # noqa: E402 - it is found only now

from leadagent_prefect.cli import main  # noqa: E402 - below the path, with the next line

if __name__ == "__main__":
    with Services(tools=False) as services:
        address = f"services={services.url}"
        code = main(["run", str(HERE / "workflow.yaml"), "-i", address, *sys.argv[1:]])
    sys.exit(code)
