"""Where a Prefect API is and how to be let in."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class PrefectApi:
    """``url`` ends in ``/api`` or what the user configured; ``auth_string`` is ``user:password``.

    ``embedded`` tells the server that leadagent started from one that somebody configured.
    """

    url: str
    auth_string: str | None = field(repr=False)
    embedded: bool
    ui_url: str


def embedded_api(port: int, auth_string: str) -> PrefectApi:
    origin = f"http://127.0.0.1:{port}"
    return PrefectApi(url=f"{origin}/api", auth_string=auth_string, embedded=True, ui_url=origin)
