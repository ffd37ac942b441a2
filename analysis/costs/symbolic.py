"""Formulas as mathematics: the functions that sympy lacks, and how a formula is written.

Each function evaluates once its arguments are numbers, so that `expression.subs(...)` gives the
count that the same formula gives on plain ints.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, ClassVar

import sympy
from sympy import Max
from sympy.printing.latex import LatexPrinter
from sympy.printing.str import StrPrinter

from analysis.costs import numbers

__all__ = [
    "LEGEND",
    "CeilDiv",
    "CeilLog2",
    "Entries",
    "Excess",
    "FloorDiv",
    "Max",
    "OnesBelow",
    "PrimeFrom",
    "Residues",
    "Staircase",
    "Third",
    "compiled",
    "latex",
    "text",
    "total_latex",
    "total_text",
]  # fmt: skip

n, l, f, V, m, d = sympy.symbols("n l f V m d", integer=True, positive=True)  # noqa: E741  # the literature's names

LEGEND = {
    "n": "values (outputs of a layer; the side for matmul and conv2d; windows for pooling; rows for argmax,"
    " max, softmax and dot)",
    "n_t": "third t of n: ⌊(t+1)n/3⌋ − ⌊tn/3⌋, t = 0, 1, 2",
    "l, f, V": "bits of the ring, of the fraction, of a value",
    "m": "radix of the comparison: bits of a digit",
    "d": "bits of a digit of an equality's tables",
    "E(a, m)": "entries of one-hot tables: ⌊a/m⌋(2^m − 1) + 2^(a mod m) − 1",
    "B(a)": "binary digits set in 0, 1, …, a − 1 together",
    "R(a, p)": "bytes of a residues mod p, as many to a 64-bit word as fit, the last word cut",
    "p(a)": "the least prime that is at least a",
    "S(a, b)": "bytes of a numbers of 1 bit, of 2, …, of b − 1: ⌈a/8⌉ + ⌈2a/8⌉ + … + ⌈(b − 1)a/8⌉",
}
"""What the names in a printed formula stand for. Bytes are payload, summed over the parties."""


class _Count(sympy.Function):  # type: ignore[misc]  # sympy has no types
    """A function of integers whose values are natural numbers."""

    is_integer = True
    is_nonnegative = True
    of_ints: ClassVar[Callable[..., int]]

    @classmethod
    def eval(cls, *arguments: Any) -> Any:
        """Give the number for numbers."""
        if all(argument.is_Integer for argument in arguments):
            return sympy.Integer(cls.of_ints(*map(int, arguments)))
        return None


class CeilDiv(_Count):
    """⌈a/b⌉."""

    of_ints = staticmethod(numbers.ceil_div)


class FloorDiv(_Count):
    """⌊a/b⌋."""

    of_ints = staticmethod(numbers.floor_div)


class CeilLog2(_Count):
    """⌈log2 a⌉."""

    of_ints = staticmethod(numbers.ceil_log2)


class Excess(_Count):
    """⌈log2 a⌉ − 2 for a of at least 3: what shows sympy that ⌈log2 a⌉ is at least 2."""

    of_ints = staticmethod(lambda a: numbers.ceil_log2(a) - 2)


class Entries(_Count):
    """Entries of one-hot vectors of all digits of m bits of an a-bit number."""

    of_ints = staticmethod(numbers.one_hot_entries)


class OnesBelow(_Count):
    """Binary digits set in 0, 1, …, a − 1 together."""

    of_ints = staticmethod(numbers.ones_below)


class Residues(_Count):
    """Bytes of a residues mod p, packed into words of 64 bits."""

    of_ints = staticmethod(numbers.residues)


class Staircase(_Count):
    """Bytes of a numbers of every width below b, each packed by itself."""

    of_ints = staticmethod(numbers.staircase)


class PrimeFrom(_Count):
    """The least prime that is at least a."""

    of_ints = staticmethod(numbers.prime_from)


class Third(_Count):
    """The size of third t of a vector of a values: ⌊(t+1)a/3⌋ − ⌊ta/3⌋."""

    of_ints = staticmethod(numbers.third)


@cache
def compiled(expression: Any) -> Callable[..., int]:
    """Return a formula as a function of (n, l, f, V, m, d)."""
    functions: dict[str, Any] = {one.__name__: one.of_ints for one in _Count.__subclasses__()}
    return sympy.lambdify((n, l, f, V, m, d), expression, modules=[functions, "math"])  # type: ignore[no-any-return]  # no types


def tidy(expression: Any) -> Any:
    """Return an expression in the functions that a reader knows, equal messages counted together."""
    plain = sympy.sympify(expression)
    plain = plain.xreplace({excess: CeilLog2(excess.args[0]) - 2 for excess in plain.atoms(Excess)})
    counts: dict[Any, list[Any]] = {}
    for term in _terms(plain):
        size = _size(term) or sympy.S.One
        counts.setdefault(size, []).append(term / size)
    return sympy.Add(*(sympy.expand(sympy.Add(*count)) * size for size, count in counts.items()))


def _terms(expression: Any) -> Iterator[Any]:
    """Yield summands, each with one message's size, or none, as a factor."""
    for term in sympy.Add.make_args(expression):
        if term.is_Mul and _size(term) is None and term.has(CeilDiv, Residues):
            yield from sympy.Add.make_args(sympy.expand_mul(term, deep=False))
        else:
            yield term


def _size(term: Any) -> Any:
    """Return the factor of a term that is the size of a message, or None."""
    for factor in sympy.Mul.make_args(term):
        if factor.func in (Residues, Staircase) or (factor.func is CeilDiv and factor.args[1] == 8):
            return factor
    return None


@cache
def _over_thirds(expression: Any) -> tuple[Any, Any]:
    """Split a sum over parties into (what one third t costs, what is not cut into thirds).

    The thirds differ in their size alone, so one stands for all; checked, not assumed.
    """
    t = sympy.Symbol("t", integer=True, nonnegative=True)
    by_third: dict[Any, list[Any]] = {}
    for term in sympy.Add.make_args(tidy(expression)):
        found = term.atoms(Third)
        place = min((third.args[1] for third in found), default=None)
        general = {third: Third(third.args[0], t) for third in found if third.args[1] == place}
        by_third.setdefault(place, []).append(term.xreplace(general))
    whole = sympy.Add(*by_third.pop(None, []))
    thirds = {sympy.Add(*part) for part in by_third.values()}
    if len(thirds) > 1 or len(by_third) not in (0, 3):
        return sympy.S.Zero, expression
    return next(iter(thirds), sympy.S.Zero), whole


class _Letters:
    """One letter for each function that has no notation of its own; the printers say how to apply it."""

    _called: Callable[[str, Any], str]

    def _print_Entries(self, expression: Any) -> str:
        return self._called("E", expression)

    def _print_OnesBelow(self, expression: Any) -> str:
        return self._called("B", expression)

    def _print_Residues(self, expression: Any) -> str:
        return self._called("R", expression)

    def _print_PrimeFrom(self, expression: Any) -> str:
        return self._called("p", expression)

    def _print_Staircase(self, expression: Any) -> str:
        return self._called("S", expression)


class _Text(_Letters, StrPrinter):  # type: ignore[misc]  # sympy has no types
    """Plain text with the signs of mathematics."""

    def _print_CeilDiv(self, expression: Any) -> str:
        return f"⌈{self._ratio(expression)}⌉"

    def _print_FloorDiv(self, expression: Any) -> str:
        return f"⌊{self._ratio(expression)}⌋"

    def _ratio(self, expression: Any) -> str:
        return "/".join(map(self._grouped, expression.args))

    def _grouped(self, one: Any) -> str:
        return f"({self._print(one)})" if one.is_Add else str(self._print(one))

    def _print_CeilLog2(self, expression: Any) -> str:
        return f"⌈log2 {self._grouped(expression.args[0])}⌉"

    def _called(self, name: str, expression: Any) -> str:
        return f"{name}({', '.join(map(self._print, expression.args))})"

    def _print_Third(self, expression: Any) -> str:
        base = self._print(expression.args[0])
        return f"{base if base.isalnum() else f'({base})'}_{self._print(expression.args[1])}"

    def _print_Mul(self, expression: Any) -> str:
        return str(super()._print_Mul(expression)).replace("*", "·")

    def _print_Pow(self, expression: Any, rational: bool = False) -> str:
        return str(super()._print_Pow(expression, rational)).replace("**", "^")

    def _print_Max(self, expression: Any) -> str:
        return f"max({', '.join(map(self._print, expression.args))})"


class _Latex(_Letters, LatexPrinter):  # type: ignore[misc]  # sympy has no types
    """LaTeX for the functions above."""

    def _print_CeilDiv(self, expression: Any) -> str:
        return rf"\left\lceil {self._ratio(expression)} \right\rceil"

    def _print_FloorDiv(self, expression: Any) -> str:
        return rf"\left\lfloor {self._ratio(expression)} \right\rfloor"

    def _ratio(self, expression: Any) -> str:
        a, b = map(self._print, expression.args)
        return rf"\frac{{{a}}}{{{b}}}"

    def _print_CeilLog2(self, expression: Any) -> str:
        (inner,) = expression.args
        printed = rf"\left({self._print(inner)}\right)" if inner.is_Add else self._print(inner)
        return rf"\left\lceil \log_2 {printed} \right\rceil"

    def _called(self, name: str, expression: Any) -> str:
        return rf"{name}\left({', '.join(map(self._print, expression.args))}\right)"

    def _print_Third(self, expression: Any) -> str:
        base, index = map(self._print, expression.args)
        return f"{{{base if len(base) == 1 else rf'({base})'}}}_{{{index}}}"


def text(expression: Any) -> str:
    """Return a formula as plain text."""
    return str(_Text().doprint(tidy(expression)))


def latex(expression: Any) -> str:
    """Return a formula as LaTeX."""
    return str(_Latex().doprint(tidy(expression)))


def total_text(expression: Any) -> str:
    """Return a sum over parties as plain text, the three thirds as one sum over t."""
    one, whole = _over_thirds(expression)
    parts = [f"Σ_t [{text(one)}]"] if one != 0 else []
    return " + ".join([*parts, *([text(whole)] if whole != 0 or not parts else [])])


def total_latex(expression: Any) -> str:
    """Return a sum over parties as LaTeX, the three thirds as one sum over t."""
    one, whole = _over_thirds(expression)
    parts = [rf"\sum_{{t=0}}^{{2}} \left[{latex(one)}\right]"] if one != 0 else []
    return " + ".join([*parts, *([latex(whole)] if whole != 0 or not parts else [])])


numbers.offer_symbolic(sys.modules[__name__])
