"""``python -m leadagent_prefect``: the same as the command ``leadagent``."""

from __future__ import annotations

import sys

from leadagent_prefect.cli import main

if __name__ == "__main__":
    sys.exit(main())
