"""Published claims, each judged: equal, differs by this much, or not decidable."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import sympy
from pydantic import BaseModel, ConfigDict, Field

from analysis.costs import FamilySetting
from analysis.costs.replicated3 import Setting
from analysis.predict import SHIPPED as SCENARIOS
from analysis.predict import Measured, measure, setting_of
from analysis.validate import growth
from analysis.validate.claim_formula import SYMBOLS, parse, symbol
from analysis.validate.grid import family_overrides
from mpcsim import InputError
from mpcsim.scenario import load_scenario, validate
from scenarios import WORKLOADS
from scenarios.families import DEFAULT

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

AnySetting = Setting | FamilySetting
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
    against: Literal["k", "n", "parties"] = "k"
    source: str
    note: str = ""
    verified: bool = True
    size: Annotated[int, Field(ge=1, le=10**6)] = 240  # a multiple of 24: no message has a broken byte
    family: str = DEFAULT
    parties: Annotated[int, Field(ge=1)] | None = None

    @property
    def overrides(self) -> tuple[str, ...]:
        """What a scenario of its operation is set to: family, parties, and what the claim sets."""
        return (*family_overrides(self.family, self.parties), *self.set)


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
                parse(claim.formula or "0")
            except InputError as error:
                raise InputError(f"claim.{number}.formula: {error}") from None
            _check_set(claim, number)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return claims


def _check_set(claim: Claim, number: int) -> None:
    """Refuse settings that would have the claim judged against what it does not speak of."""
    tables = ("protocol",) if claim.unit.startswith("order") else ("protocol", "ring")
    accepted = " and ".join(f"{table}.KEY=VALUE" for table in tables)
    for place, one in enumerate(claim.set):
        key, equals, _ = one.partition("=")
        table, dot, name = key.partition(".")
        if equals and dot and name.isidentifier() and table in tables:
            continue
        why = "its operation and size are `op` and `size`" if table.strip() == "workload" else "found that"
        if table == "ring" and equals and dot:
            why = "an order is measured over values and bits of its own"
        raise InputError(f"claim.{number}.set.{place}: {one!r}: {why}; accepted: {accepted}")


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


def check_measures(workload: str) -> None:
    """Refuse a scenario of ours that measures no operation, which claims are of.

    Raises:
        InputError: it is one.
    """
    if workload in WORKLOADS and workload != "microbench":
        raise InputError(
            f"validate: claims are of operations, and the workload {workload!r} measures none; accepted "
            "with --claims: a scenario of one operation (microbench, or one of your own), or no scenario"
        )


def judge_in(claims: Sequence[Claim], measured: Measured, scenario: str) -> list[Judgement]:
    """Judge those claims that speak of the operation which a run measured, at its settings, against it.

    An order needs many runs, and what a claim sets must be what the run has: other claims are left out.

    Args:
        scenario: file or name of what was run.

    Raises:
        InputError: no claim speaks of the run's operation.
    """
    setting, op, size = measured.setting, measured.output["op"], measured.output["size"]
    assert setting is not None  # or there would be no row
    apply = [
        claim
        for claim in claims
        if claim.op == op and not claim.unit.startswith("order") and _holds(claim, scenario, measured)
    ]
    if not apply:
        raise InputError(
            f"validate: none of the {len(claims)} claims is a cost of {op!r} at the scenario's settings; "
            f"they are of {', '.join(sorted({claim.op for claim in claims})) or 'nothing'}"
        )
    return [
        _against(claim, measured, setting, size)
        if claim.formula
        else Judgement(claim, "not decidable", reason=claim.note or "no formula")
        for claim in apply
    ]


def _holds(claim: Claim, scenario: str, measured: Measured) -> bool:
    """Return whether a scenario has what a claim sets."""
    if claim.family != measured.family or claim.parties not in (None, measured.parties):
        return False
    if not claim.set:
        return True
    try:
        return setting_of(load_scenario(scenario, claim.set, None, SCENARIOS)) == measured.setting
    except InputError:  # the construction is not there, so the run does not have it
        return False


def _judge_cost(claim: Claim) -> Judgement:
    named = [f"workload.op={claim.op}", f"workload.size={claim.size}"]
    run = measure("microbench", [*named, *claim.overrides])
    assert run.setting is not None
    return _against(claim, run, run.setting, claim.size)


def _against(claim: Claim, run: Measured, setting: AnySetting, size: int) -> Judgement:
    """Compare a claim with a run of its operation."""
    try:
        claimed = float(parse(claim.formula).subs(_values(claim, setting, size)))
    except (TypeError, OverflowError):  # how sympy says that letters are left; beyond a float
        claimed = math.nan
    if not math.isfinite(claimed):
        return Judgement(claim, "not decidable", reason="the formula does not come to a number")
    measured = _in_unit(claim, run.span("operation"), size)
    same = abs(claimed - measured) <= _TOLERANCE * max(1.0, abs(claimed))
    return Judgement(claim, "equal" if same else "differs", claimed, measured)


def _in_unit(claim: Claim, found: dict[str, Any], size: int) -> float:
    if claim.unit == "rounds":
        return float(found["rounds"])
    values = growth.outputs(claim.op, size)
    parties = len(found["per_party"]) if claim.unit.endswith("per party") else 1
    bits = 8 if claim.unit.startswith("bits") else 1
    return float(found["payload_bytes"]) * bits / values / parties


def _values(claim: Claim, setting: AnySetting, size: int) -> dict[Any, int]:
    k = growth.compared_bits(claim.op, setting.V)
    radix = setting.radix if isinstance(setting, Setting) else 0
    servers = setting.parties if isinstance(setting, FamilySetting) else 3
    numbers = (setting.l, setting.f, setting.V, k, radix, _WINDOW, size, servers)
    return dict(zip(map(symbol, SYMBOLS), numbers, strict=True))


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
    claimed = order(parse(claim.formula), squares=claim.against == "parties")
    if claimed is None:
        reason = f"the order is none of 1, log, linear; {here}"
        return Judgement(claim, "not decidable", None, measured, reason)
    return Judgement(claim, "equal" if claimed == measured else "differs", claimed, measured, here)


def _growth(claim: Claim) -> growth.Growth | None:
    choice = {
        key.removeprefix("protocol."): value for key, _, value in (one.partition("=") for one in claim.set)
    }
    if claim.against == "parties":
        return growth.against_parties(claim.op, choice, claim.family)[claim.unit == "order of bits"]
    if claim.against == "n":
        found = growth.against_count(claim.op, choice, 64, claim.family, claim.parties)
        return found[claim.unit == "order of bits"]
    if claim.unit == "order of rounds":
        return growth.rounds_against_bits(claim.op, choice, claim.family, claim.parties)
    return None


def order(expression: Any, squares: bool = False) -> str | None:
    """Return the order of growth of a formula: "1", "log", "linear", or None for another.

    Args:
        squares: whether growth may be "quadratic" too.
    """
    if not expression.free_symbols:
        return "1"
    (symbol, *others) = expression.free_symbols
    if others:
        return None
    logs = expression.atoms(sympy.log)
    if logs and not expression.subs(dict.fromkeys(logs, 1)).free_symbols:
        return "log"
    if not expression.is_polynomial(symbol):
        return None
    degree = int(sympy.degree(expression, symbol))
    return "linear" if degree == 1 else "quadratic" if degree == 2 and squares else None
