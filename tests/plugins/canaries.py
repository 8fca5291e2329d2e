"""What must not happen around the REST API: connections that nobody allowed, processes, secrets that show.

The server of the tests, and its worker, are started with `watched`: with secrets that can be told anywhere,
with proxies that are a listener of ours, and with watch/sitecustomize.py, which writes down what they do.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

#: Values with what has a form of its own in headers, URLs, JSON or base64. The last ones are for Basic alone.
SECRETS = {
    f"CANARY_{number}": f"canary{number}-{text}"
    for number, text in enumerate(
        (
            "0b9f7c51d2e84a63",
            "a/b+c=d/e+f==",
            "50%25 & more?x=1#y",
            'quo"ted\\back\\slash',
            "<script>alert('x')</script>",
            "la_0123abcd_AbCdEf-GhIjKl_MnOpQr",
            "{{ secrets.NONE }}${HOME}",
            "eyJhbGciOiJIUzI1NiJ9.e30.c2ln",
            "tilde~^`|{}[]();:,",
            "schlüssel-straße-ключ",
            "tab\tand\nline",
            "emoji-\N{PARTY POPPER}-\N{KEY}",
        )
    )
}


def forms(secret: str) -> set[bytes]:
    """How a secret may turn up in a file or an answer."""
    raw = secret.encode()
    coded = {base64.b64encode(raw), base64.urlsafe_b64encode(raw)}
    pair = base64.b64encode(b"user:" + raw)
    texts = {quote(raw), quote(raw, safe=""), quote_plus(raw)}
    texts |= {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    return {
        raw,
        pair.rstrip(b"="),
        *(code.rstrip(b"=") for code in coded),
        *(text.encode() for text in texts),
    }


class Canary:
    """Listens on every address of this machine: ``hits`` are the addresses at which somebody has called."""

    def __init__(self) -> None:
        self.hits: list[str] = []
        dual = socket.has_dualstack_ipv6()
        family, address = (socket.AF_INET6, "::") if dual else (socket.AF_INET, "0.0.0.0")
        self._listener = socket.create_server((address, 0), family=family, dualstack_ipv6=dual, backlog=128)
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _listen(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:  # it is closed
                return
            self.hits.append(str(line.getsockname()[0]).removeprefix("::ffff:"))
            with closing(line), suppress(OSError):
                line.settimeout(1)
                line.recv(1000)
                line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")


@pytest.fixture(scope="session")
def proxy() -> Iterator[Canary]:
    """What HTTP_PROXY and the like name for the server: nothing that a workflow asks may come here."""
    made = Canary()
    yield made
    made.close()
    assert made.hits == []


@pytest.fixture
def canary() -> Iterator[Canary]:
    made = Canary()
    yield made
    made.close()


def watched(folder: Path, proxy: Canary) -> dict[str, str]:
    """The environment that a server is started with, beside its own."""
    address = f"http://127.0.0.1:{proxy.port}"
    names = [f"{kind}_PROXY" for kind in ("HTTP", "HTTPS", "ALL")]
    here = str(Path(__file__).parent / "watch")
    return {
        **SECRETS,
        **{name: address for upper in names for name in (upper, upper.lower())},
        "WATCH_FILE": str(folder / "watched"),
        "PYTHONPATH": os.pathsep.join([here, os.environ["PYTHONPATH"]]),
    }


def seen(folder: Path) -> list[dict[str, Any]]:
    """What was written down so far: ``pid``, ``what`` (connect or start), ``detail``."""
    path = folder / "watched"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
