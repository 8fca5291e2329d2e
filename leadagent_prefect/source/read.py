"""Where a document comes from: a file, a string, a dict. Problems are collected in the document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from leadagent_prefect.diagnostics import Diagnostic, Span
from leadagent_prefect.source.data_reader import plain_copy
from leadagent_prefect.source.document import Document
from leadagent_prefect.source.json_reader import read_json
from leadagent_prefect.source.limits import MAX_BYTES
from leadagent_prefect.source.nodes import Node, Notes, Stop
from leadagent_prefect.source.yaml_reader import read_yaml

Format = Literal["yaml", "json"]


def read_path(path: str | Path, filename: str | None = None) -> Document:
    """Read a file: ``.json`` as JSON, all else as YAML. Problems are reported under ``filename``, by default
    the path.
    """
    path = Path(path)
    document = Document("", filename or str(path), path.absolute().parent)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 5)  # one more than the limit, after a byte order mark
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        document.problems.append(_unreadable(document.filename, error))
        return document
    text = _decode(content, document)
    if text is None:
        return document
    return _parse(text, document, "json" if path.suffix.lower() == ".json" else "yaml")


def read_text(
    text: str, filename: str = "<string>", format: Format = "yaml", base: Path | None = None
) -> Document:
    """Read a string; ``filename`` is what problems are reported under."""
    return _parse(text.removeprefix("\ufeff"), Document("", filename, base), format)


def read_data(data: Mapping[str, Any], filename: str = "<dict>", base: Path | None = None) -> Document:
    """Take a dict: it must hold plain data alone, and is copied."""
    document = Document("", filename, base)
    value, problems = plain_copy(data)
    document.problems = [document.diagnose(code, message, path) for code, message, path in problems]
    document.unread = {path for _, _, path in problems}
    document.data = value
    if not problems:
        document.text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    return document


def _parse(text: str, document: Document, format: Format) -> Document:
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        document.problems.append(_too_large(document.filename))
        return document
    document.text = text
    notes = Notes(text)
    try:
        document.root = _json_in_yaml(text, notes) if format == "yaml" else read_json(text, notes)
        if document.root is None:
            document.root = read_yaml(text, notes)
        document.data = document.root.value
    except Stop:
        pass
    document.note(notes.problems)
    return document


def _json_in_yaml(text: str, notes: Notes) -> Node | None:
    """The tree of a YAML text that is JSON: PyYAML stumbles over its tabs and pairs of surrogates."""
    if not text.lstrip().startswith("{"):
        return None
    tried = Notes(text)
    try:
        root = read_json(text, tried)
    except Stop:
        if tried.problems[-1].code not in ("too-deep", "too-many-nodes"):
            return None  # the YAML reader finds what is wrong, if anything is
        notes.problems += tried.problems
        raise
    notes.problems += tried.problems
    return root


def _decode(content: bytes, document: Document) -> str | None:
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        if len(content) > MAX_BYTES + 3:
            document.problems.append(_too_large(document.filename))
            return None
        document.problems.append(_not_utf8(content, error.start, document.filename))
        return None


def _not_utf8(content: bytes, offset: int, filename: str) -> Diagnostic:
    before = content[:offset].decode("utf-8")
    line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
    source = content.splitlines()[line - 1].decode("utf-8", "replace")
    return Diagnostic(
        "not-utf-8",
        f"byte 0x{content[offset]:02x} is not UTF-8",
        Span(line, column, line, column + 1),
        hint="save the file as UTF-8",
        filename=filename,
        source_line=source,
    )


def _too_large(filename: str) -> Diagnostic:
    return Diagnostic(
        "too-large",
        f"the file is larger than {MAX_BYTES // 1024**2} MiB",
        hint="fetch large data in a task, or split the workflow",
        filename=filename,
    )


def _unreadable(filename: str, error: OSError | ValueError) -> Diagnostic:
    reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
    return Diagnostic("unreadable-file", f"can't read the file: {reason}", filename=filename)
