"""One request, the redirects it leads through, and what has come in of an answer so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import anyio

from leadagent_prefect.agents.answers import Answer
from leadagent_prefect.agents.http_options import HttpOptions
from leadagent_prefect.agents.inflate import Body
from leadagent_prefect.agents.urls import origin, shown
from leadagent_prefect.errors import AgentError, ClientError

if TYPE_CHECKING:
    import httpx

MAX_REDIRECTS = 10

#: Bytes kept of a refusal: enough for its message and for an error code in JSON. Seconds for them to come.
_REFUSAL_BYTES, _REFUSAL_SECONDS = 65_536, 5.0
_MOVED = frozenset({301, 302, 303, 307, 308})


def _failure(answer: Answer, note: str) -> AgentError:
    return answer.failure(note=note)


@dataclass(frozen=True)
class Outgoing:
    """A request. ``headers`` by name in lower case; ``timeout`` in seconds, for all of it.

    Statuses in ``accept_status`` are answers, not failures; ``failure`` says what a refused one, with a note
    on it, comes to.
    """

    method: str
    url: httpx.URL
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes | None = field(default=None, repr=False)
    timeout: float = 30.0
    accept_status: frozenset[int] = frozenset()
    failure: Callable[[Answer, str], AgentError] = field(default=_failure, repr=False)

    def over(self, headers: Mapping[str, str]) -> Outgoing:
        """This request with its own headers laid over ``headers``."""
        return replace(self, headers={**headers, **self.headers})

    def redirected(self, status: int, url: httpx.URL) -> Outgoing:
        """The request a redirect asks for: 303, and 301 or 302 after POST, ask for GET (RFC 9110 15.4)."""
        if (status == 303 and self.method != "HEAD") or (status in (301, 302) and self.method == "POST"):
            kept = {name: value for name, value in self.headers.items() if not name.startswith("content-")}
            return replace(self, method="GET", url=url, headers=kept, content=None)
        return replace(self, url=url)


class Exchange:
    """`run` sends; `refused`, `note` and `answer` say what came, even where `run` was cut short."""

    def __init__(
        self, client: httpx.AsyncClient, options: HttpOptions, accept_status: frozenset[int]
    ) -> None:
        self.refused = False
        self.note = ""
        self._client = client
        self._options = options
        self._accept = accept_status
        self._moved = 0
        self._response: httpx.Response | None = None
        self._body: Body | None = None

    async def run(self, request: Outgoing) -> None:
        """Send ``request``. Raises what httpx raises, `ClientError` for a redirect that can't be followed."""
        for _ in range(MAX_REDIRECTS + 1):
            following = await self._hop(request)
            if following is None:
                return
            request = following
        raise ClientError(
            f"{request.method} {shown(request.url)}: more than {MAX_REDIRECTS} redirects",
            metadata={"status": self._moved},
        )

    def answer(self, elapsed: float) -> Answer:
        """What has come in; only after `run` has ended well, or with ``refused``."""
        response, body = self._response, self._body
        assert response is not None
        assert body is not None
        headers = dict(response.headers.items())
        if (target := _target(response)) is not None:
            headers["location"] = shown(target)
        return Answer(
            method=response.request.method,
            url=shown(response.request.url),
            status=response.status_code,
            headers=headers,
            body=bytes(body.data),
            elapsed=round(elapsed, 6),
        )

    async def _hop(self, request: Outgoing) -> Outgoing | None:
        built = self._client.build_request(
            request.method, request.url, headers=dict(request.headers), content=request.content
        )
        response = await self._client.send(built, stream=True)
        try:
            target = _target(response)
            if target is not None and self._options.follow_redirects and response.status_code in _MOVED:
                self._moved = response.status_code
                return request.redirected(response.status_code, _same_origin(response, target))
            await self._take(response, target)
        finally:
            await response.aclose()
        return None

    async def _take(self, response: httpx.Response, target: httpx.URL | None) -> None:
        status = response.status_code
        self._response = response
        self.refused = not 200 <= status < 300 and status not in self._accept
        if target is not None:
            self.note = (
                f"redirects to {shown(target)}; custom_params.follow_redirects follows within the origin"
            )
        limit = self._options.max_response_bytes
        self._body = Body(
            f"{response.request.method} {shown(response.request.url)}",
            response.headers.get("content-encoding", ""),
            min(limit, _REFUSAL_BYTES) if self.refused else limit,
        )
        if not self.refused:
            await self._body.read(response.aiter_raw())
            return
        # It is refused, whatever more of it comes: no reason to wait for that until the call has timed out.
        left = anyio.current_effective_deadline() - anyio.current_time()
        with suppress(Exception), anyio.move_on_after(min(left / 2, _REFUSAL_SECONDS)):
            await self._body.read(response.aiter_raw())


async def set_location_aside(response: httpx.Response) -> None:
    """A response hook: httpx reads a target even where it may not follow it, and fails if it is bad."""
    if 300 <= response.status_code < 400 and "location" in response.headers:
        response.extensions["location"] = response.headers.pop("location")


def _target(response: httpx.Response) -> httpx.URL | None:
    from httpx import InvalidURL

    location = response.extensions.get("location")
    if location is None:
        return None
    try:
        return response.request.url.join(location).copy_with(username=None, password=None, fragment=None)
    except (ValueError, InvalidURL):
        return None


def _same_origin(response: httpx.Response, target: httpx.URL) -> httpx.URL:
    asked = response.request
    if origin(target) != origin(asked.url):
        raise ClientError(
            f"{asked.method} {shown(asked.url)} redirects to {shown(target)}, which is another origin: "
            "credentials don't travel there; give the agent that endpoint",
            metadata={"status": response.status_code},
        )
    return target
