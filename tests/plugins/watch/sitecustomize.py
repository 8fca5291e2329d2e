"""Python imports this by itself where its folder is in PYTHONPATH: what the process does is written down.

A line of JSON in the file that WATCH_FILE names, for every connection that leaves the machine and every
process that is started. The names of REBINDING lead to its two addresses in turn, as those of an attacker's
own name server may.
"""

from __future__ import annotations

import itertools
import json
import os
import socket
import sys
from ipaddress import ip_address
from typing import Any

STARTS = ("subprocess.Popen", "os.posix_spawn", "os.exec", "os.system", "os.fork")
REBINDING, _ADDRESSES = ".rebinding.example", itertools.cycle(("127.0.0.3", "127.0.0.1"))
_resolve = socket.getaddrinfo


def _watch(event: str, args: tuple[Any, ...]) -> None:
    if event == "socket.connect":
        if args[0].family in (socket.AF_INET, socket.AF_INET6):
            host = str(args[1][0]).partition("%")[0]
            if not ip_address(host).is_loopback:
                _write("connect", host)
    elif event in STARTS:
        _write("start", " ".join(map(str, args[1])) if event == "subprocess.Popen" else repr(args[:2]))


def _write(what: str, detail: str) -> None:
    line = json.dumps({"pid": os.getpid(), "what": what, "detail": detail}) + "\n"
    with open(os.environ["WATCH_FILE"], "a") as file:  # noqa: PTH123 - pathlib is not imported for this
        file.write(line)


def _getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
    name = host.decode() if isinstance(host, bytes) else host
    if isinstance(name, str) and name.endswith(REBINDING):
        host = next(_ADDRESSES)
    return _resolve(host, port, *args, **kwargs)


if "WATCH_FILE" in os.environ:
    socket.getaddrinfo = _getaddrinfo
    sys.addaudithook(_watch)
