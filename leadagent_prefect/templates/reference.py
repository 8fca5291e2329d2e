"""What the expressions of a value refer to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from leadagent_prefect.templates.parsed import template
from leadagent_prefect.templates.tree import Call, Const, Item, Name, Node, Op

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """``root.path`` as written: ``tasks.fetch.result[0]`` is ``("tasks", ("fetch", "result", 0))``.

    A computed key or a slice ends the path. ``guarded`` says that ``default`` or ``is defined`` catches
    it where it is missing. ``offset`` and ``length`` are characters of the string.
    """

    root: str
    path: Path
    offset: int
    length: int
    guarded: bool


def references(value: Any) -> Iterator[tuple[Path, Reference]]:
    """Every reference within a value, each with the path of the string that holds it.

    An expression that can't be parsed has none; one that is refused has those that stand in it.
    """
    left: list[tuple[Path, Any]] = [((), value)]
    while left:
        path, item = left.pop()
        if isinstance(item, str):
            if "{{" in item:
                for tree in template(item).trees:
                    yield from ((path, found) for found in _of(tree, guarded=False))
        elif isinstance(item, dict):
            left += [((*path, key), inner) for key, inner in reversed(item.items())]
        elif isinstance(item, (list, tuple)):
            left += [((*path, index), item[index]) for index in reversed(range(len(item)))]


def _of(node: Node, *, guarded: bool) -> Iterator[Reference]:
    if isinstance(node, (Name, Item)):
        yield from _of_path(node, guarded=guarded)
        return
    if isinstance(node, Call) and node.name in ("default", "defined"):
        yield from _of(node.target, guarded=True)
        inner: tuple[Node, ...] = _children(node)[1:]
    else:
        inner = _children(node)
    for child in inner:
        yield from _of(child, guarded=guarded)


def _of_path(node: Name | Item, *, guarded: bool) -> Iterator[Reference]:
    chain: list[Item] = []
    root: Node = node
    while isinstance(root, Item):
        chain.append(root)
        root = root.target
    chain.reverse()
    static = 0
    while static < len(chain) and _key(chain[static]) is not None:
        static += 1
    if isinstance(root, Name):
        end = chain[static - 1].end if static else root.end
        path = tuple(key for item in chain[:static] if (key := _key(item)) is not None)
        yield Reference(root.name, path, root.offset, end - root.offset, guarded)
    else:
        yield from _of(root, guarded=guarded)
    for item in chain[static:]:
        yield from _of(item.key, guarded=guarded)


def _key(item: Item) -> str | int | None:
    """The key as written; None for a computed one."""
    key = item.key.value if isinstance(item.key, Const) else None
    return key if isinstance(key, (str, int)) and not isinstance(key, bool) else None


def _children(node: Node) -> tuple[Node, ...]:
    """The operands of an operator, the target and arguments of a call, in the order of the text."""
    if isinstance(node, Op):
        return tuple(arg for arg in node.args if not isinstance(arg, str))
    if isinstance(node, Call):
        return (node.target, *node.args, *(value for _, value in node.kwargs))
    return ()
