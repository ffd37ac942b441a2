"""Formulas of claims: one expression in known names, not run to be read, of bounded size and powers."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sympy

from mpcsim import InputError

SYMBOLS = ("l", "f", "V", "k", "m", "s", "n", "p")
LONGEST = 400
"""Characters of a formula."""
_BITS = 512
"""A power of numbers has at most so many bits: beyond, no count of bytes or rounds is meant."""
_LARGEST = {"l": 64, "f": 48, "V": 62, "k": 63, "m": 8, "s": 64, "n": 10**6, "p": 100}
_LEAST = {"l": 32, "f": 1, "V": 3, "k": 4, "m": 1, "s": 2, "n": 1, "p": 1}

_FUNCTIONS: Mapping[str, tuple[range, Callable[..., Any]]] = {
    "log": (range(1, 3), sympy.log),
    "log2": (range(1, 2), lambda x: sympy.log(x, 2)),
    "ceiling": (range(1, 2), sympy.ceiling),
    "floor": (range(1, 2), sympy.floor),
    "Max": (range(1, 9), sympy.Max),
    "Min": (range(1, 9), sympy.Min),
    "Rational": (range(1, 3), lambda a, b=sympy.S.One: a / b),
}
_OPERATIONS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_ACCEPTED = f"one expression of numbers, {', '.join((*SYMBOLS, *_FUNCTIONS))} and + - * / ** ( )"


def symbol(name: str) -> Any:
    """Return the symbol of a name of `SYMBOLS`."""
    return sympy.Symbol(name, positive=True)


def parse(formula: str) -> Any:
    """Return a formula as an expression of sympy.

    Raises:
        InputError: it is no single expression, has an unknown name, or comes to a number beyond all bounds.
    """
    if len(formula) > LONGEST:
        raise InputError(f"{len(formula)} characters; accepted: at most {LONGEST}")
    try:
        body = ast.parse(formula.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        what = error.msg if isinstance(error, SyntaxError) else str(error)
        raise InputError(f"found {formula!r}: {what}; accepted: {_ACCEPTED}") from None
    if isinstance(body, ast.Tuple):
        raise InputError(
            f"found {formula!r}: {len(body.elts)} expressions apart by commas; accepted: {_ACCEPTED}, "
            "decimals with a point"
        )
    for point in (_LARGEST, _LEAST):
        _size(body, point, formula)
    return _built(body, formula)


class _Written(ast.NodeTransformer):
    """Functions that have a notation of their own, in it."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Write a fraction as one."""
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "Rational":
            above, below = node.args[0], node.args[1:]
            return ast.BinOp(above, ast.Div(), below[0]) if below else above
        return node


def readable(formula: str) -> str:
    """Return a formula that `parse` accepts as people write it: (8 + 8 + 16)/3, 3·l, k^2."""
    text = ast.unparse(_Written().visit(ast.parse(formula.strip(), mode="eval").body))
    for written, sign in ((" ** ", "^"), (" * ", "·"), (" / ", "/"), ("Max(", "max("), ("Min(", "min(")):
        text = text.replace(written, sign)
    return text


def _built(node: ast.expr, formula: str) -> Any:
    """Return the expression of a node."""
    if isinstance(node, ast.BinOp):
        sides = (_built(node.left, formula), _built(node.right, formula))
        return sides[0] ** sides[1] if isinstance(node.op, ast.Pow) else _operation(node, formula)(*sides)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.UAdd | ast.USub):
        inner = _built(node.operand, formula)
        return -inner if isinstance(node.op, ast.USub) else inner
    if isinstance(node, ast.Call):
        return _called(node, formula)(*(_built(one, formula) for one in node.args))
    if isinstance(node, ast.Name) and node.id in SYMBOLS:
        return symbol(node.id)
    return sympy.sympify(_number(node, formula))


def _size(node: ast.expr, at: Mapping[str, int], formula: str) -> float:
    """Return about what a node comes to at a point, in floats; NaN where that is no number.

    Raises:
        InputError: a power, or what it is made of, is beyond all bounds.
    """
    if isinstance(node, ast.BinOp):
        a, b = (_size(one, at, formula) for one in (node.left, node.right))
        if not isinstance(node.op, ast.Pow):
            apply = _operation(node, formula)
            return apply(a, b) if b or not isinstance(node.op, ast.Div) else math.nan
        if abs(b) > _BITS or (a and abs(b * math.log2(abs(a))) > _BITS):
            raise InputError(
                f"found {formula!r}: a power {a:.4g} ** {b:.4g}; accepted: powers of at most {_BITS} bits"
            )
        if (a == 0 and b < 0) or (a < 0 and not float(b).is_integer()):
            return math.nan
        return float(a**b)
    if isinstance(node, ast.UnaryOp):
        return _size(node.operand, at, formula) * (-1 if isinstance(node.op, ast.USub) else 1)
    if isinstance(node, ast.Call):
        _called(node, formula)
        return _applied(node, [_size(one, at, formula) for one in node.args])
    if isinstance(node, ast.Name) and node.id in SYMBOLS:
        return float(at[node.id])
    return float(_number(node, formula))


def _applied(node: ast.Call, values: Sequence[float]) -> float:
    """Return a function's value in floats; it only bounds powers, so a number near it will do."""
    assert isinstance(node.func, ast.Name)
    name = node.func.id
    if not all(map(math.isfinite, values)):
        return math.nan
    if name in ("Max", "Min"):
        return max(values) if name == "Max" else min(values)
    if name == "Rational":
        return values[0] / values[-1] if len(values) == 2 and values[1] else values[0]
    if name in ("ceiling", "floor"):
        return float(math.ceil(values[0]) if name == "ceiling" else math.floor(values[0]))
    if min(values) <= 0 or (len(values) == 2 and values[1] == 1):
        return math.nan
    return math.log(*values) if name == "log" else math.log2(values[0])


def _operation(node: ast.BinOp, formula: str) -> Callable[[Any, Any], Any]:
    if type(node.op) not in _OPERATIONS:
        raise InputError(f"found {ast.unparse(node)!r} in {formula!r}; accepted: {_ACCEPTED}")
    return _OPERATIONS[type(node.op)]


def _called(node: ast.Call, formula: str) -> Callable[..., Any]:
    """Return the function of a call, whose number of arguments fits."""
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name not in _FUNCTIONS:
        raise InputError(f"unknown {ast.unparse(node.func)} in {formula!r}; accepted: {_ACCEPTED}")
    counts, function = _FUNCTIONS[name]
    if node.keywords or len(node.args) not in counts or any(isinstance(a, ast.Starred) for a in node.args):
        raise InputError(
            f"found {ast.unparse(node)!r} in {formula!r}; accepted: {name} of {counts[0]}"
            + (f" to {counts[-1]} arguments" if len(counts) > 1 else " argument")
        )
    return function


def _number(node: ast.expr, formula: str) -> int | float:
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2.0**_BITS:
        return value
    what = f"unknown {node.id}" if isinstance(node, ast.Name) else f"found {ast.unparse(node)[:40]!r}"
    raise InputError(f"{what} in {formula!r}; accepted: {_ACCEPTED}")
