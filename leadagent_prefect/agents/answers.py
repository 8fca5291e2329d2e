"""The answer of a service to one request: what is kept of it, and the failure it may stand for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from leadagent_prefect.agents.base import current_call
from leadagent_prefect.agents.errors_map import class_of_status, retry_after_of
from leadagent_prefect.agents.payload import charset_of, content_of, text_of
from leadagent_prefect.errors import AgentError, AuthRefused, InvalidOutput
from leadagent_prefect.naming import http_phrase

#: Characters of a failed answer's body that its message quotes.
EXCERPT = 500

#: Bytes of it that are looked at: a secret that the excerpt would cut must be seen whole to be masked.
_LOOKED_AT = 65_536

_HIDDEN = frozenset(
    {
        "authentication-info",
        "authorization",
        "cookie",
        "proxy-authenticate",
        "proxy-authentication-info",
        "proxy-authorization",
        "set-cookie",
        "set-cookie2",
        "www-authenticate",
    }
)


@dataclass(frozen=True)
class Answer:
    """``url`` is without query and user info; ``headers`` by name in lower case; ``elapsed`` in seconds."""

    method: str
    url: str
    status: int
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    elapsed: float

    @property
    def metadata(self) -> dict[str, Any]:
        """JSON data for ``tasks.NAME.metadata``; headers that carry credentials or challenges left out."""
        kept = {name: value for name, value in self.headers.items() if name not in _HIDDEN}
        return {"status": self.status, "headers": kept, "elapsed": self.elapsed, "url": self.url}

    @property
    def content(self) -> Any:
        """The body as data: see `leadagent_prefect.agents.payload.content_of`."""
        try:
            return content_of(self.body, self.headers.get("content-type", ""))
        except InvalidOutput as exc:
            raise self.failure(InvalidOutput, exc.message) from None

    def failure(self, kind: type[AgentError] | None = None, note: str = "") -> AgentError:
        """The error this answer stands for: of its status, or of ``kind``."""
        kind = kind or class_of_status(self.status)
        if kind is AuthRefused:
            note = note or "the agent's authentication was refused"
        message = f"{self.method} {self.url} answered {self.status} {http_phrase(self.status)}".rstrip()
        message += f" ({note})" if note else ""
        text = text_of(self.body[:_LOOKED_AT], charset_of(self.headers.get("content-type", "")))
        excerpt = current_call.get().redact(text)[:EXCERPT]
        return kind(
            f"{message}: {excerpt}" if excerpt else message,
            metadata=self.metadata,
            retry_after=retry_after_of(self.headers),
        )
