"""From Jinja's tree to ours: the allow-list of the language.

Everything that is not named here is refused when the file is read: calls, ``**``, tuples, blocks,
filters and tests beside the list. All problems of an expression are found, not only the first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from leadagent_prefect.templates.grammar import Tokens
from leadagent_prefect.templates.problem import TemplateProblem
from leadagent_prefect.templates.signatures import complaint
from leadagent_prefect.templates.tree import SIGNS, Call, Const, Item, Name, Node, Op
from leadagent_prefect.templates.values import kind as kind_of

if TYPE_CHECKING:
    from jinja2 import nodes

#: Operators and members inside each other; it bounds the recursion of everything that walks a tree.
DEPTH = 60

_BINARY = {
    "Add": "add", "Sub": "sub", "Mul": "mul", "Div": "div", "FloorDiv": "floordiv", "Mod": "mod",
    "And": "and", "Or": "or",
}  # fmt: skip
_UNARY = {"Not": "not", "Neg": "neg", "Pos": "pos"}
_REFUSED = {
    "Call": ("(", "a template calls nothing", "use a filter: {{ x | upper }}"),
    "Pow": ("**", "`**` is not allowed", None),
    "Tuple": ("", "a tuple is not allowed", "write a list: [1, 2]"),
}
_NULL = Const(None)


def _never_a_number(node: Node) -> str | None:
    """What an operand is called that can be seen to be no number; null stands for what was refused."""
    if isinstance(node, Const) and isinstance(node.value, (str, bool)):
        return kind_of(node.value)
    words = {"list": "a list", "dict": "a mapping", "concat": "a string"}
    return words.get(node.name) if isinstance(node, Op) else None


def _operands(node: nodes.Expr) -> Iterator[Any]:
    """The expressions right below a node; of a method that is called, what it is a method of."""
    from jinja2.nodes import Call, Getattr, Keyword

    called = node.node if isinstance(node, Call) else None
    for child in node.iter_child_nodes():
        found = child.value if isinstance(child, Keyword) else child
        yield found.node if isinstance(found, Getattr) and found is called else found


class _Refused(Exception):
    """The tree is refused as a whole."""


class Converter:
    """Converts one expression; ``problems`` is empty where the tree may be evaluated."""

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.problems: list[TemplateProblem] = []

    def convert(self, node: nodes.Expr) -> Node:
        try:
            return self._node(node, 0)
        except _Refused:
            return _NULL

    def _problem(self, code: str, message: str, place: tuple[int, int], hint: str | None = None) -> Node:
        self.problems.append(TemplateProblem(code, message, *place, hint))
        return _NULL

    def _node(self, node: Any, depth: int) -> Node:
        if node is None:
            return _NULL
        if depth > DEPTH:
            place = (node.lineno, self.tokens.length(node.lineno))
            self._problem("template-not-allowed", "the expression is nested too deeply", place)
            raise _Refused
        kind = type(node).__name__
        below = depth + 1
        if kind in _BINARY:
            return self._binary(_BINARY[kind], node, below)
        if kind in _UNARY:
            return Op(_UNARY[kind], (self._node(node.node, below),))
        method = getattr(self, f"on_{kind.lower()}", None)
        return method(node, below) if method else self._refuse(node, kind, below)

    def _binary(self, name: str, node: nodes.BinExpr, depth: int) -> Node:
        args = (self._node(node.left, depth), self._node(node.right, depth))
        for arg in args if name in SIGNS else ():
            if (found := _never_a_number(arg)) is not None:
                tip = "`~` joins text" if name == "add" else None
                message = f"`{SIGNS[name]}` is for numbers, not for {found}"
                self._problem(
                    "template-not-allowed", message, self.tokens.find(node.lineno, SIGNS[name]), tip
                )
        return Op(name, args)

    def _refuse(self, node: nodes.Expr, kind: str, depth: int) -> Node:
        """What stands in it is converted all the same, for its own problems and references."""
        text, message, hint = _REFUSED.get(kind, ("", f"{kind} is not allowed here", None))
        place = self.tokens.find(node.lineno, text) if text else (node.lineno, 1)
        self._problem("template-not-allowed", message, place, hint)
        return Op("refused", self._all([*_operands(node)], depth))

    def _all(self, found: list[nodes.Expr], depth: int) -> tuple[Node, ...]:
        return tuple(self._node(node, depth) for node in found)

    def on_name(self, node: nodes.Name, depth: int) -> Node:
        return Name(node.name, node.lineno, node.lineno + len(node.name))

    def on_const(self, node: nodes.Const, depth: int) -> Node:
        place = (node.lineno, self.tokens.length(node.lineno))
        if isinstance(node.value, float) and not math.isfinite(node.value):
            return self._problem("template-not-allowed", "the number is too large", place)
        if isinstance(node.value, str) and any("\ud800" <= char <= "\udfff" for char in node.value):
            return self._problem("template-not-allowed", "a lone surrogate is no character", place)
        return Const(node.value)

    def on_getattr(self, node: nodes.Getattr, depth: int) -> Node:
        target = self._node(node.node, depth)
        start, length = self.tokens.find(node.lineno + 1, node.attr)
        if isinstance(target, Const) and target is not _NULL:
            return self._problem(
                "template-not-allowed", f'a constant has no member "{node.attr}"', (start, length)
            )
        if target is not _NULL and node.attr.startswith("__") and node.attr.endswith("__"):
            message = f"`{node.attr}` is of Python's objects, which templates have none of"
            hint = f"data that has such a key is read with ['{node.attr}']"
            self._problem("template-not-allowed", message, (start, length), hint)
        return Item(target, Const(node.attr), start + length)

    def on_getitem(self, node: nodes.Getitem, depth: int) -> Node:
        end = self.tokens.closing(node.lineno)
        target, key = self._node(node.node, depth), self._node(node.arg, depth)
        if end is None:  # `x.0`, which Jinja reads as `x[0]`
            end = self.tokens.next_end(node.lineno)
        return Item(target, key, end)

    def on_slice(self, node: nodes.Slice, depth: int) -> Node:
        return Op("slice", tuple(self._node(part, depth) for part in (node.start, node.stop, node.step)))

    def on_list(self, node: nodes.List, depth: int) -> Node:
        return Op("list", self._all(node.items, depth))

    def on_dict(self, node: nodes.Dict, depth: int) -> Node:
        parts = [part for pair in node.items for part in (pair.key, pair.value)]
        return Op("dict", self._all(parts, depth))

    def on_concat(self, node: nodes.Concat, depth: int) -> Node:
        return Op("concat", self._all(node.nodes, depth))

    def on_condexpr(self, node: nodes.CondExpr, depth: int) -> Node:
        """Without ``else`` the value is null."""
        return Op("if", tuple(self._node(part, depth) for part in (node.test, node.expr1, node.expr2)))

    def on_compare(self, node: nodes.Compare, depth: int) -> Node:
        args: list[Node | str] = [self._node(node.expr, depth)]
        for operand in node.ops:
            args += [operand.op, self._node(operand.expr, depth)]
        return Op("compare", tuple(args))

    def on_test(self, node: nodes.Test, depth: int) -> Node:
        return self._call(node, depth, test=True)

    def on_filter(self, node: nodes.Filter, depth: int) -> Node:
        return self._call(node, depth, test=False)

    def _call(self, node: nodes.Filter | nodes.Test, depth: int, *, test: bool) -> Node:
        if node.dyn_args or node.dyn_kwargs:
            self._problem("template-not-allowed", "`*` and `**` are not allowed here", (node.lineno, 1))
        call = Call(
            node.name,
            self._node(node.node, depth),
            self._all(node.args, depth),
            tuple((str(pair.key), self._node(pair.value, depth)) for pair in node.kwargs),
            test,
        )
        if found := complaint(call):
            place = self.tokens.find(node.lineno, node.name.split(".")[0])
            self._problem(found[0], found[1], place, found[2])
        return call
