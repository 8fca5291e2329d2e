"""No time for certificates that nobody looks at."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import certifi

from leadagent_prefect.embedded.configured import setting

_END = "-----END CERTIFICATE-----\n"
_VARIABLE = "PREFECT_API_SSL_CERT_FILE"


@contextlib.contextmanager
def quick_tls(api_url: str | None) -> Iterator[dict[str, str]]:
    """Variables with which Prefect's clients of a plain http API start quicker; none for another API.

    Each of the three clients of a run reads every certificate authority there is, 20 ms of CPU, though it
    speaks http alone: it is given a file with one. What the user configured stays.
    """
    if not (api_url or "").startswith("http://") or setting(_VARIABLE):
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="leadagent-worker-") as folder:
        one = Path(folder, "one-authority.pem")
        text = Path(certifi.where()).read_text(encoding="utf-8")
        one.write_text(text[: text.index(_END) + len(_END)], encoding="utf-8")
        yield {_VARIABLE: str(one)}
