"""Runs workflow.yaml, with the services that it calls started for it on free ports of loopback.

With OPENAI_API_KEY set, the summary is written by the real API (OPENAI_BASE_URL and OPENAI_MODEL say
which); without it, by a stand-in that speaks the same protocol. Arguments are passed on to `leadagent run`.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # where the services of all examples are

from servers import Services  # noqa: E402 - it is found only now

from leadagent_prefect.cli import main  # noqa: E402 - below the path, with the next line


def inputs(services: Services) -> dict[str, str]:
    """Where the agents of the workflow find what they call."""
    python, tools = shlex.quote(sys.executable), shlex.quote(str(HERE.parent / "text_tools.py"))
    found = {"news_url": services.url, "tools": f"stdio:{python} {tools}"}
    if os.environ.get("OPENAI_API_KEY"):
        address = os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1")
        return {**found, "ai_url": address, "model": os.environ.get("OPENAI_MODEL", "gpt-4o-mini")}
    os.environ["OPENAI_API_KEY"] = "not-a-real-key"
    return {**found, "ai_url": f"{services.url}/v1", "model": "stand-in"}


if __name__ == "__main__":
    with Services(moody=True, tools=False) as services:
        given = [word for name, value in inputs(services).items() for word in ("-i", f"{name}={value}")]
        code = main(["run", str(HERE / "workflow.yaml"), *given, *sys.argv[1:]])
    sys.exit(code)
