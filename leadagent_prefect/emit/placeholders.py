"""What Prefect would replace or act on in a value of prefect.yaml, however it is written.

``prefect deploy`` puts blocks, variables and the whole environment into ``{{ NAME }}`` and takes out what it
does not know (prefect/utilities/templating); the server and the engine act on the keys ``$ref`` and
``__prefect_kind`` of parameters. None of the three has an escape.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from leadagent_prefect.diagnostics import quote

#: As in prefect.utilities.templating: other braces, `{{ a | upper }}` say, stand as they are.
_PLACEHOLDER = re.compile(r"{{\s*[\w.\-\[\]$]+\s*}}")
_KEYS = frozenset({"$ref", "__prefect_kind"})


def unsafe(value: Any, where: str) -> Iterator[str]:
    """A line for each place in ``value`` that would not reach Prefect as it is; ``where`` names the value."""
    if isinstance(value, str):
        for found in dict.fromkeys(_PLACEHOLDER.findall(value)):
            yield f"{where} holds {quote(found)}, which Prefect would replace: write it otherwise"
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if key in _KEYS:
                yield f"{where} has the key {quote(key)}, on which Prefect would act: name it otherwise"
            yield from unsafe(item, f"{where}.{key}")
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from unsafe(item, f"{where}[{index}]")
