"""Published claims, each judged: equal, differs by this much, or not decidable."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import sympy
from pydantic import BaseModel, ConfigDict, Field

from analysis import growth
from analysis.costs.setting import Setting
from analysis.measure import measure
from mpcsim import InputError
from mpcsim.scenario import validate

SHIPPED = Path(__file__).with_name("claims.toml")

Unit = Literal[
    "rounds",
    "bits a value, sum",
    "bits a value, per party",
    "bytes a value, sum",
    "bytes a value, per party",
    "order of rounds",
    "order of bits",
]
Verdict = Literal["equal", "differs", "not decidable"]

_SYMBOLS = ("l", "f", "V", "k", "m", "s", "n")
_FUNCTIONS = {
    "log": sympy.log,
    "log2": lambda x: sympy.log(x, 2),
    "ceiling": sympy.ceiling,
    "floor": sympy.floor,
    "Max": sympy.Max,
    "Min": sympy.Min,
    "Rational": sympy.Rational,
}
_ALLOWED = re.compile(r"[\w\s+\-*/().,]*")
_WINDOW = 4
_TOLERANCE = 1e-9


class Claim(BaseModel):
    """One claim, as its file has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    paper: str
    row: str
    unit: Unit
    formula: str
    op: str
    set: tuple[str, ...] = ()
    against: Literal["k", "n"] = "k"
    source: str
    note: str = ""
    verified: bool = True
    size: Annotated[int, Field(ge=1)] = 240  # a multiple of 24: no message has a broken byte


class _Claims(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    claim: tuple[Claim, ...] = ()


@dataclass(frozen=True)
class Judgement:
    """A claim with what was found: numbers, or orders as text."""

    claim: Claim
    verdict: Verdict
    claimed: float | str | None = None
    measured: float | str | None = None
    reason: str = ""

    @property
    def paper(self) -> str:
        """Return who claims it, and whether we know it from hearsay alone."""
        return self.claim.paper if self.claim.verified else f"{self.claim.paper} (unverified)"

    @property
    def text(self) -> str:
        """Return the verdict in words."""
        if self.verdict != "differs" or isinstance(self.claimed, str):
            return f"{self.verdict}{f': {self.reason}' if self.reason else ''}"
        assert isinstance(self.measured, float)
        assert self.claimed is not None
        by = self.measured - self.claimed
        share = f" ({by / self.claimed:+.1%})" if self.claimed else ""
        return f"differs: ours is {by:+.4g}{share}"

    def describe(self) -> dict[str, Any]:
        """Return plain JSON."""
        return self.claim.model_dump(mode="json") | {
            "claimed": self.claimed,
            "measured": self.measured,
            "verdict": self.verdict,
            "text": self.text,
        }


def load(path: Path = SHIPPED) -> tuple[Claim, ...]:
    """Read a file of claims.

    Raises:
        InputError: it cannot be read, or a key is wrong.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: not valid TOML: {error}") from None
    try:
        claims = validate(_Claims, document).claim
        for number, claim in enumerate(claims):
            try:
                _parse(claim.formula or "0")
            except InputError as error:
                raise InputError(f"claim.{number}.formula: {error}") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return claims


def judge_all(claims: Sequence[Claim]) -> list[Judgement]:
    """Judge claims in order."""
    return [judge(claim) for claim in claims]


def judge(claim: Claim) -> Judgement:
    """Compare a claim with a measurement of its operation at its settings."""
    in_order = claim.unit.startswith("order")
    if not claim.formula and not in_order:
        return Judgement(claim, "not decidable", reason=claim.note or "no formula")
    try:
        return _judge_order(claim) if in_order else _judge_cost(claim)
    except InputError as error:  # the operation or the construction is not there
        reason = str(error).partition(": ")[2].split("\n")[0]
        note = f"{claim.note}; " if claim.note and not claim.formula else ""
        return Judgement(claim, "not decidable", reason=note + reason)


def _judge_cost(claim: Claim) -> Judgement:
    run = measure("microbench", [f"workload.op={claim.op}", f"workload.size={claim.size}", *claim.set])
    found, setting = run.span("operation"), run.setting
    assert setting is not None
    try:
        claimed = float(_parse(claim.formula).subs(_values(claim, setting)))
    except TypeError:  # how sympy says that letters are left
        reason = "the formula does not come to a number"
        return Judgement(claim, "not decidable", reason=reason)
    measured = _in_unit(claim, found)
    same = abs(claimed - measured) <= _TOLERANCE * max(1.0, abs(claimed))
    return Judgement(claim, "equal" if same else "differs", claimed, measured)


def _in_unit(claim: Claim, found: dict[str, Any]) -> float:
    if claim.unit == "rounds":
        return float(found["rounds"])
    values = growth.outputs(claim.op, claim.size)
    parties = 3 if claim.unit.endswith("per party") else 1
    bits = 8 if claim.unit.startswith("bits") else 1
    return float(found["payload_bytes"]) * bits / values / parties


def _values(claim: Claim, setting: Setting) -> dict[Any, int]:
    k = growth.compared_bits(claim.op, setting.V)
    numbers = (setting.l, setting.f, setting.V, k, setting.radix, _WINDOW, claim.size)
    return dict(zip(map(_symbol, _SYMBOLS), numbers, strict=True))


def _judge_order(claim: Claim) -> Judgement:
    """Compare with the fit; a claim without a formula is told what grows here."""
    found = _growth(claim)
    if found is None:
        return Judgement(claim, "not decidable", reason="only rounds are measured against k")
    here = f"{found.quantity} here: {found.fit.text(claim.against)}"
    measured = found.fit.order
    if not claim.formula:
        reason = f"{claim.note or 'no formula'}; {here}"
        return Judgement(claim, "not decidable", None, measured, reason)
    claimed = order(_parse(claim.formula))
    if claimed is None:
        reason = f"the order is none of 1, log, linear; {here}"
        return Judgement(claim, "not decidable", None, measured, reason)
    return Judgement(claim, "equal" if claimed == measured else "differs", claimed, measured, here)


def _growth(claim: Claim) -> growth.Growth | None:
    choice = {
        key.removeprefix("protocol."): value for key, _, value in (one.partition("=") for one in claim.set)
    }
    if claim.against == "n":
        return growth.against_count(claim.op, choice)[claim.unit == "order of bits"]
    if claim.unit == "order of rounds":
        return growth.rounds_against_bits(claim.op, choice)
    return None


def order(expression: Any) -> str | None:
    """Return the order of growth of a formula: "1", "log", "linear", or None for another."""
    if not expression.free_symbols:
        return "1"
    (symbol, *others) = expression.free_symbols
    if others:
        return None
    logs = expression.atoms(sympy.log)
    if logs and not expression.subs(dict.fromkeys(logs, 1)).free_symbols:
        return "log"
    polynomial = expression.is_polynomial(symbol) and sympy.degree(expression, symbol) == 1
    return "linear" if polynomial else None


def _symbol(name: str) -> Any:
    return sympy.Symbol(name, positive=True)


def _parse(formula: str) -> Any:
    """Read a formula; only numbers, the known names and arithmetic are let through."""
    names = set(re.findall(r"[^\W\d]\w*", formula))
    strange = sorted(names - {*_SYMBOLS, *_FUNCTIONS})
    if strange or not _ALLOWED.fullmatch(formula) or "__" in formula:
        what = f"unknown {', '.join(strange)}" if strange else f"found {formula!r}"
        raise InputError(f"{what}; accepted: {', '.join([*_SYMBOLS, *_FUNCTIONS])} and + - * / ** ( )")
    try:
        return sympy.sympify(formula, locals=_FUNCTIONS | {name: _symbol(name) for name in _SYMBOLS})
    except (sympy.SympifyError, TypeError, ValueError, SyntaxError) as error:  # all that sympy raises
        raise InputError(f"found {formula!r}; accepted: a formula of sympy ({error})") from None
