"""What must not be shown, and the mask it is shown as."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "***"

#: A shorter value is masked only where it is a whole string: ``"1"`` in every text would be no text.
SHORTEST_FRAGMENT = 6


class Redactor:
    """Masks values of secrets in texts and in JSON data: as they are, URL-encoded, base64 and JSON-escaped.

    Object keys are left alone: they are names, ours or the service's, and masking them would break data.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.add(*values)

    def add(self, *values: str) -> None:
        """Takes more values; an empty one is no secret."""
        fresh = {value for value in values if value} - self._values
        if not fresh:
            return
        self._values |= fresh
        forms = {form for value in self._values if len(value) >= SHORTEST_FRAGMENT for form in _forms(value)}
        # The longest first, so that a secret which holds another one is masked as a whole.
        ordered = sorted(forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def text(self, text: str) -> str:
        """``text`` with every secret masked."""
        if text in self._values:
            return MASK
        return self._pattern.sub(MASK, text) if self._pattern else text

    def data(self, value: Any) -> Any:
        """A copy of JSON data with every secret masked in its strings."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.data(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.data(item) for item in value]
        return value


def _forms(value: str) -> set[str]:
    """The ways in which a secret turns up in URLs, headers and JSON."""
    raw = value.encode("utf-8", "surrogatepass")
    encoded = {base64.b64encode(raw), base64.urlsafe_b64encode(raw)}
    texts = {code.decode().rstrip("=") for code in encoded}
    in_urls = {quote(raw, safe=""), quote(raw), quote_plus(raw)}
    in_urls |= {re.sub("%[0-9A-F]{2}", lambda code: code[0].lower(), text) for text in in_urls}
    return (
        {value, json.dumps(value)[1:-1]}
        | in_urls
        | {text for text in texts if len(text) >= SHORTEST_FRAGMENT}
    )
