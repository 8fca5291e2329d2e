"""The codes of reading a file, and of the parts of a workflow by themselves."""

from __future__ import annotations

from leadagent_prefect.codes.row import Code

ROWS = (
    Code(
        "control-character",
        "A character that no text may hold",
        "NUL, escape and other control characters, and half of a surrogate pair, have no place in a workflow "
        "file. Delete the character, or write it as an escape in a double-quoted string where it is meant.",
    ),
    Code(
        "duplicate-key",
        "A key stands twice in one mapping",
        "Readers differ in which of the two they keep, so neither is taken. Keep one of them.",
    ),
    Code(
        "empty-document",
        "There is nothing in the file",
        "A workflow needs at least a `name` and one task.",
    ),
    Code(
        "invalid-duration",
        "Not a duration",
        "A duration is a number of seconds, or a string with a unit: `500ms`, `30s`, `5m`, `2h`. It is never "
        "negative, and a timeout is more than 0.",
    ),
    Code(
        "invalid-name",
        "Not a name",
        "A name has 1 to 128 characters, none of them a control or bidirectional character: names are "
        "shown in terminals, logs and the Prefect UI.",
    ),
    Code(
        "invalid-value",
        "Not one of the allowed values",
        "The key takes one of a few values, or a value of one form; the message lists them.",
    ),
    Code(
        "missing-key",
        "A required key is missing",
        "Add the key; the hint has an example.",
    ),
    Code(
        "multiple-documents",
        "A second document in one file",
        "A file holds one workflow. Delete the `---` line, or put what follows it in a file of its own.",
    ),
    Code(
        "non-string-key",
        "A key that is not a string",
        "`1: a` and `true: a` have keys that are a number and a boolean, and become one and the same key in "
        "other readers. Put the key in quotes.",
    ),
    Code(
        "not-finite",
        "NaN or infinity",
        "JSON has neither, nor has a waiting time. Write a number; leave a timeout out where there is none. "
        "A number as large as `1e309` is infinite too.",
    ),
    Code(
        "not-plain-data",
        "A value that is not plain data",
        "A workflow given as a dict holds what JSON can hold: dicts with string keys, lists, strings, "
        "numbers, booleans and None, and no value that contains itself.",
    ),
    Code(
        "not-supported-yet",
        "A key of the language that this version does not run yet",
        "The key is reserved, and ignoring it would run something else than what the file says. Take it "
        "out, or use a version that has it.",
    ),
    Code(
        "not-utf-8",
        "The file is not UTF-8",
        "Save the file as UTF-8; every editor can.",
    ),
    Code(
        "number-too-large",
        "A whole number beyond 2^53",
        "JSON readers round such a number silently. Put it in quotes where it is an identifier.",
    ),
    Code(
        "out-of-range",
        "A number outside its range",
        "The message says which numbers are allowed.",
    ),
    Code(
        "self-reference",
        "An alias inside of what it stands for",
        "`a: &a [*a]` has no end. Break the circle.",
    ),
    Code(
        "syntax-error",
        "Not valid YAML or JSON",
        "The text can't be read beyond this place. What is reported here alone is the first such place.",
    ),
    Code(
        "tab-indent",
        "Indented with a tab",
        "YAML is indented with spaces. Have the editor turn tabs into spaces.",
    ),
    Code(
        "too-deep",
        "Nested too deeply",
        "At most 64 levels of lists and mappings, aliases expanded.",
    ),
    Code(
        "too-large",
        "The file is too large",
        "At most 2 MiB of text. Large data belongs where a task fetches it.",
    ),
    Code(
        "too-many-agents",
        "Too many agents",
        "At most 500 agents in one file.",
    ),
    Code(
        "too-many-nodes",
        "Too many values once aliases are expanded",
        "At most 250,000 keys and values. A few nested aliases can stand for billions.",
    ),
    Code(
        "too-many-problems",
        "More problems than anyone reads",
        "The first 1,000 are shown, by position. Mend them first.",
    ),
    Code(
        "too-many-tasks",
        "Too many tasks",
        "At most 5,000 tasks in one file.",
    ),
    Code(
        "unknown-alias",
        "An alias without an anchor",
        "`*x` stands for what `&x` marked further up; there is no such mark before it.",
    ),
    Code(
        "unknown-key",
        "A key that is not known here",
        "Usually a slip of the pen, or a key that belongs to another mapping. Keys are never ignored, "
        "since a misspelt one would silently switch off what it asks for. Top-level keys that begin "
        "with `x-` are free.",
    ),
    Code(
        "unquoted-template",
        "A template that is not in quotes",
        "Without quotes YAML reads `{{ ... }}` as a mapping in a mapping. Put the whole value in quotes.",
    ),
    Code(
        "unreadable-file",
        "The file can't be read",
        "It is not there, is a directory, or its permissions forbid it. The files of sub-workflows are found "
        "relative to the folder of the file that names them.",
    ),
    Code(
        "unsupported-tag",
        "A YAML tag that is not plain data",
        "Only `!!str`, `!!int`, `!!float`, `!!bool`, `!!null`, `!!map` and `!!seq` are read, on a value "
        "of that kind. Tags such as `!!python/object` can run code elsewhere and are always refused.",
    ),
    Code(
        "wrong-type",
        "A value of the wrong type",
        'Values are never converted: `"3"` is no number, `yes` is a string, `1.0` is not text. The '
        "message says what was found and what is expected.",
    ),
)
