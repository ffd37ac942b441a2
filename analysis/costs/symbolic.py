"""Formulas as mathematics: the functions that sympy lacks, and how a formula is written.

Each function evaluates once its arguments are numbers, so that `expression.subs(...)` gives the
count that the same formula gives on plain ints.
"""

from __future__ import annotations

from typing import Any

import sympy
from sympy import Max, ceiling
from sympy.printing.latex import LatexPrinter
from sympy.printing.str import StrPrinter

from analysis.costs import numbers

__all__ = ["CeilLog2", "Excess", "Max", "PrimeFrom", "Residues", "Third", "ceiling"]

n, l, f, V, m, s = sympy.symbols("n l f V m s", integer=True, positive=True)
"""Values, ring bits, fraction bits, value bits, radix, window entries."""


class _Count(sympy.Function):  # type: ignore[misc]  # sympy has no types
    """A function whose values are natural numbers."""

    is_integer = True
    is_nonnegative = True
    is_extended_real = True
    is_finite = True


def _whole(*arguments: Any) -> bool:
    return all(argument.is_Integer for argument in arguments)


class CeilLog2(_Count):
    """⌈log2 a⌉."""

    @classmethod
    def eval(cls, a: Any) -> Any:
        """Give the number for a number."""
        return sympy.Integer(numbers.ceil_log2(int(a))) if _whole(a) else None


class Excess(_Count):
    """⌈log2 a⌉ − 2 for a of at least 3: what shows sympy that ⌈log2 a⌉ is at least 2."""

    @classmethod
    def eval(cls, a: Any) -> Any:
        """Give the number for a number."""
        return sympy.Integer(numbers.ceil_log2(int(a)) - 2) if _whole(a) else None


class Residues(_Count):
    """Bytes of a residues mod p, packed into words of 64 bits."""

    @classmethod
    def eval(cls, a: Any, p: Any) -> Any:
        """Give the number for numbers."""
        return sympy.Integer(numbers.residues(int(a), int(p))) if _whole(a, p) else None


class PrimeFrom(_Count):
    """The least prime that is at least a."""

    @classmethod
    def eval(cls, a: Any) -> Any:
        """Give the number for a number."""
        return sympy.Integer(numbers.prime_from(int(a))) if _whole(a) else None


class Third(_Count):
    """The size of third t of a vector of a values: ⌊(t+1)a/3⌋ − ⌊ta/3⌋."""

    @classmethod
    def eval(cls, a: Any, t: Any) -> Any:
        """Give the number for numbers."""
        return sympy.Integer(numbers.third(int(a), int(t))) if _whole(a, t) else None


def tidy(expression: Any) -> Any:
    """Return an expression in the functions that a reader knows."""
    return sympy.sympify(expression).replace(Excess, lambda a: CeilLog2(a) - 2)


def summed_over_thirds(expression: Any) -> tuple[Any, Any]:
    """Split a sum over parties into (what one third t costs, what is not cut into thirds).

    The thirds differ in their size alone, so one stands for all; checked, not assumed.
    """
    terms = sympy.Add.make_args(sympy.expand(expression))
    by_third: dict[Any, list[Any]] = {}
    for term in terms:
        found = {third.args[1] for third in term.atoms(Third)}
        by_third.setdefault(min(found, default=None), []).append(term)
    whole = sympy.Add(*by_third.pop(None, []))
    t = sympy.Symbol("t", integer=True)
    general = {
        sympy.Add(*part).replace(Third, lambda a, _: Third(a, t)) for part in by_third.values()
    }
    if len(general) > 1 or len(by_third) not in (0, 3):
        return sympy.Integer(0), expression
    return next(iter(general), sympy.Integer(0)), whole


class _Text(StrPrinter):  # type: ignore[misc]
    """Plain text with the signs of mathematics."""

    def _print_ceiling(self, expression: Any) -> str:
        return f"⌈{self._print(expression.args[0])}⌉"

    def _print_floor(self, expression: Any) -> str:
        return f"⌊{self._print(expression.args[0])}⌋"

    def _print_CeilLog2(self, expression: Any) -> str:
        return f"⌈log2({self._print(expression.args[0])})⌉"

    def _print_Residues(self, expression: Any) -> str:
        return f"R({self._print(expression.args[0])}, {self._print(expression.args[1])})"

    def _print_PrimeFrom(self, expression: Any) -> str:
        return f"prime≥{self._print(expression.args[0])}"

    def _print_Mod(self, expression: Any) -> str:
        return f"(({self._print(expression.args[0])}) mod {self._print(expression.args[1])})"

    def _print_Third(self, expression: Any) -> str:
        base = self._print(expression.args[0])
        return f"{base if base.isalnum() else f'({base})'}_{self._print(expression.args[1])}"

    def _print_Mul(self, expression: Any) -> str:
        return str(super()._print_Mul(expression)).replace("*", "·")

    def _print_Pow(self, expression: Any, rational: bool = False) -> str:
        return str(super()._print_Pow(expression, rational)).replace("**", "^")


class _Latex(LatexPrinter):  # type: ignore[misc]
    """LaTeX for the functions above."""

    def _print_CeilLog2(self, expression: Any, exp: Any = None) -> str:
        return self._power(rf"\left\lceil \log_2 {self._inner(expression)} \right\rceil", exp)

    def _print_Residues(self, expression: Any, exp: Any = None) -> str:
        a, p = (self._print(argument) for argument in expression.args)
        return self._power(rf"R\left({a}, {p}\right)", exp)

    def _print_PrimeFrom(self, expression: Any, exp: Any = None) -> str:
        return self._power(rf"p_{{\geq {self._print(expression.args[0])}}}", exp)

    def _print_Third(self, expression: Any, exp: Any = None) -> str:
        base, index = (self._print(argument) for argument in expression.args)
        base = base if len(base) == 1 else rf"\left({base}\right)"
        return self._power(f"{{{base}}}_{{{index}}}", exp)

    def _inner(self, expression: Any) -> str:
        argument = expression.args[0]
        text = str(self._print(argument))
        return text if argument.is_Symbol or argument.is_Function else rf"\left({text}\right)"

    def _power(self, text: str, exp: Any) -> str:
        return text if exp is None else f"{text}^{{{exp}}}"


def text(expression: Any) -> str:
    """Return a formula as plain text."""
    return str(_Text().doprint(tidy(expression)))


def latex(expression: Any) -> str:
    """Return a formula as LaTeX."""
    return str(_Latex().doprint(tidy(expression)))


def total_text(expression: Any) -> str:
    """Return a sum over parties as plain text, the three thirds as one sum over t."""
    one, whole = summed_over_thirds(tidy(expression))
    parts = [f"Σ_t [{text(one)}]"] if one != 0 else []
    return " + ".join([*parts, *([text(whole)] if whole != 0 or not parts else [])])


def total_latex(expression: Any) -> str:
    """Return a sum over parties as LaTeX, the three thirds as one sum over t."""
    one, whole = summed_over_thirds(tidy(expression))
    parts = [rf"\sum_{{t=0}}^{{2}} \left[{latex(one)}\right]"] if one != 0 else []
    return " + ".join([*parts, *([latex(whole)] if whole != 0 or not parts else [])])
