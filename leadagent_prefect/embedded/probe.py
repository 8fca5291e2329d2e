"""Is there a Prefect API? Asked with the standard library alone, so that the answer costs no import."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

from leadagent_prefect.embedded.api import PrefectApi
from leadagent_prefect.embedded.configured import setting
from leadagent_prefect.errors import PrefectUnavailable

#: Answered by the embedded server's own wrapper, without credentials: none must be sent to a stranger.
ALIVE_PATH = "/leadagent/alive"


@dataclass(frozen=True)
class Pulse:
    """``instance`` is that of the server's record, ``idle_seconds`` the time since the last request."""

    instance: str
    idle_seconds: float


def pulse(port: int, *, touch: bool, timeout: float = 5.0) -> Pulse | None:
    """What the embedded server on ``port`` says of itself; None where none answers, or it is stopping.

    ``touch`` counts as a request, so that a server about to stop for idleness is there for the caller.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("POST" if touch else "GET", ALIVE_PATH)
        response = connection.getresponse()
        body = json.loads(response.read(4096))
        if response.status != http.client.OK:
            return None
        return Pulse(instance=str(body["instance"]), idle_seconds=float(body["idle_seconds"]))
    except (OSError, http.client.HTTPException, ValueError, TypeError, KeyError):
        return None
    finally:
        connection.close()


def check_reachable(api: PrefectApi) -> None:
    """Raises `PrefectUnavailable` unless a configured API answers and takes its credentials.

    Any answer but 401, 403 and 5xx will do: a proxy before it may know other paths than Prefect does.
    """
    shown = without_user_info(api.url)
    if urllib.parse.urlsplit(api.url).scheme not in ("http", "https"):
        raise PrefectUnavailable(f"the configured Prefect API {shown!r} is no http or https address")
    try:
        status = _status_of(api)
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise PrefectUnavailable(
            f"the configured Prefect API at {shown} can't be reached: {reason}. Start it, correct "
            "PREFECT_API_URL or the active profile, or unset them to let leadagent start a server by itself"
        ) from error
    if status in (401, 403):
        raise PrefectUnavailable(
            f"the configured Prefect API at {shown} refuses the credentials (HTTP {status}). "
            "Set PREFECT_API_AUTH_STRING, or PREFECT_API_KEY for Prefect Cloud"
        )
    if status >= 500:
        raise PrefectUnavailable(
            f"the configured Prefect API at {shown} answers with HTTP {status}. See its log, or unset "
            "PREFECT_API_URL to let leadagent start a server by itself"
        )


def without_user_info(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    return urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """urllib would carry the credentials on to wherever a redirect points."""

    def redirect_request(self, *_: object) -> None:
        return None


def ask(api: PrefectApi, path: str, body: object = None, *, timeout: float = 10.0) -> Any:
    """The JSON of an answer to a GET, or a POST where there is a ``body``; None where there is none."""
    data = None if body is None else json.dumps(body).encode()
    try:
        with _open(api, path, data, timeout) as response:
            return json.loads(response.read(10_000_000))
    except (OSError, http.client.HTTPException, ValueError):
        return None


def _status_of(api: PrefectApi) -> int:
    try:
        with _open(api, "/admin/version") as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def _open(api: PrefectApi, path: str, data: bytes | None = None, timeout: float = 10.0) -> Any:
    headers = {**_headers(api), "Content-Type": "application/json"}
    address = without_user_info(api.url) + path
    request = urllib.request.Request(address, data, headers)  # noqa: S310 - check_reachable has looked at the scheme
    context = ssl.create_default_context(cafile=setting("PREFECT_API_SSL_CERT_FILE"))
    if (setting("PREFECT_API_TLS_INSECURE_SKIP_VERIFY") or "").lower() in ("1", "true", "yes", "on"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    opener = urllib.request.build_opener(_NoRedirect, urllib.request.HTTPSHandler(context=context))
    return opener.open(request, timeout=timeout)


def _headers(api: PrefectApi) -> dict[str, str]:
    """As Prefect's client does it: the auth string, else an API key, else what the URL itself holds."""
    parts = urllib.parse.urlsplit(api.url)
    in_url = f"{parts.username}:{parts.password or ''}" if parts.username else None
    key = setting("PREFECT_API_KEY")
    headers = {"User-Agent": "leadagent"}
    if key and not api.auth_string:
        headers["Authorization"] = f"Bearer {key}"
    elif basic := api.auth_string or (in_url and urllib.parse.unquote(in_url)):
        headers["Authorization"] = "Basic " + base64.b64encode(basic.encode()).decode()
    return headers
