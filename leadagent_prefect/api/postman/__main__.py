"""``python -m leadagent_prefect.api.postman [--check]``: writes the collection into this folder."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from leadagent_prefect.api.app import create_app
from leadagent_prefect.api.postman.collection import collection_of
from leadagent_prefect.api.postman.flow import FLOW, VARIABLES
from leadagent_prefect.api.settings import Settings
from leadagent_prefect.embedded import PrefectApi

NAME = "Lead_Agent_API.postman_collection.json"


def text() -> str:
    """The collection of this version of the API. No server is asked."""
    nowhere = PrefectApi("http://127.0.0.1/api", None, embedded=False, ui_url="")
    spec = create_app(Settings(), nowhere).openapi()
    return json.dumps(collection_of(spec, FLOW, VARIABLES), indent=2, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str]) -> int:
    """With ``--check`` nothing is written, and the status is 1 where the file is not as it would be."""
    file = Path(NAME)
    if "--check" not in arguments:
        file.write_text(text(), encoding="utf-8")
        return 0
    if file.is_file() and file.read_text(encoding="utf-8") == text():
        return 0
    sys.stderr.write(f"{NAME} is not in step with the API: run python -m {__package__}\n")
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
