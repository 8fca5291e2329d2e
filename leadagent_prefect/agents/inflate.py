"""The body of an answer, unpacked as it comes and never beyond a limit.

httpx would unpack a whole network chunk at once: half a megabyte of gzip then stands in memory as
hundreds. So the raw bytes are read and zlib is asked for no more than a step at a time.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Generator, Iterator

from leadagent_prefect.errors import InvalidOutput

#: What a request asks for, and all that is understood.
ACCEPT_ENCODING = "gzip, deflate"

_GZIP, _ZLIB, _RAW = 31, 15, -15  # zlib's wbits
_STEP = 65_536


class Body:
    """One body. ``data`` holds what came of it so far, at most ``limit`` bytes, even after an error.

    ``doing`` (a method and a URL, say) opens the messages.
    """

    def __init__(self, doing: str, encoding: str, limit: int) -> None:
        self.data = bytearray()
        self._doing = doing
        self._encoding = encoding.strip().lower().removeprefix("x-") or "identity"
        self._limit = limit
        self._stream: zlib._Decompress | None = None
        self._ended = False

    async def read(self, raw: AsyncIterator[bytes]) -> bytes:
        """All of it. `InvalidOutput` where it is too large, broken, cut off, or packed in an unknown way."""
        async for chunk in raw:
            for part in self._unpacked(chunk):
                self._keep(part)
        if self._stream is not None:
            raise InvalidOutput(f"{self._doing}: the {self._encoding} body of the answer is cut off")
        return bytes(self.data)

    def _keep(self, part: bytes) -> None:
        self.data += part
        if len(self.data) > self._limit:
            del self.data[self._limit :]
            raise InvalidOutput(
                f"{self._doing}: larger than {self._limit:,} bytes (custom_params.max_response_bytes)"
            )

    def _unpacked(self, raw: bytes) -> Iterator[bytes]:
        if self._encoding == "identity":
            yield raw
            return
        while raw:
            # A gzip body may be several members in a row; anything else after the end is padding.
            if self._ended and (self._encoding != "gzip" or raw[0] != 0x1F):
                return
            raw = yield from self._one_stream(raw)

    def _one_stream(self, raw: bytes) -> Generator[bytes, None, bytes]:
        """Yields parts of at most a step; returns what follows the end of this zlib stream."""
        if self._stream is None:
            self._stream = zlib.decompressobj(self._window(raw))
            self._ended = False
        while True:
            try:
                part = self._stream.decompress(raw, _STEP)
            except zlib.error:
                raise InvalidOutput(
                    f"{self._doing}: the {self._encoding} body of the answer is broken"
                ) from None
            yield part
            raw = self._stream.unconsumed_tail
            if self._stream.eof:
                rest, self._stream, self._ended = self._stream.unused_data, None, True
                return rest
            # zlib may have taken all input and still hold output back, so a full step asks again.
            if not raw and len(part) < _STEP:
                return b""

    def _window(self, raw: bytes) -> int:
        if self._encoding == "gzip":
            return _GZIP
        if self._encoding == "deflate":
            # Meant is zlib's form (RFC 9110 8.4.1.2); some servers send the bare stream.
            return _ZLIB if raw[0] & 0x8F == 0x08 else _RAW
        raise InvalidOutput(
            f'{self._doing}: the content encoding is "{self._encoding}"; asked was for {ACCEPT_ENCODING}'
        )
