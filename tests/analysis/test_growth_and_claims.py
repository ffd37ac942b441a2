"""How cost grows, and what becomes of published claims."""

import contextlib
import math
import os
import time

import pytest
import sympy
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.costs.replicated3 import Setting, trees
from analysis.validate import claims, growth
from analysis.validate import judge as validate
from analysis.validate import tables as validation_tables
from analysis.validate.claim_formula import SYMBOLS, parse, readable, symbol
from mpcsim import InputError

LONG = "MPCSIM_LONG" in os.environ

# Growth


@pytest.mark.parametrize(
    ("function", "order"),
    [
        (lambda k: 3, "1"),
        (lambda k: 2 + math.ceil(math.log2(k)), "log"),
        (lambda k: k + 2, "linear"),
        (lambda k: 192 * k, "linear"),
    ],
)
def test_shapes_of_growth_are_told_apart(function, order):
    assert growth.fit([(k, function(k)) for k in growth.VALUE_BITS]).order == order


def test_a_line_is_fitted_exactly():
    found = growth.fit([(n, 5 + 7 * n) for n in growth.COUNTS])
    assert found.slope == pytest.approx(7)
    assert found.intercept == pytest.approx(5)
    assert found.worst == pytest.approx(0, abs=1e-9)
    assert found.text("n") == "5 +7·n"


def test_rounds_of_a_table_comparison_grow_as_the_logarithm_of_the_bits():
    found = growth.rounds_against_bits("compare", {"comparison": "table", "radix": 2})
    assert found.fit.order == "log"
    assert dict(found.points)[33] == 2 + math.ceil(math.log2(16))


def test_rounds_of_masked_digits_do_not_grow():
    assert growth.rounds_against_bits("relu", {"comparison": "masked"}).fit.order == "1"


def test_bits_grow_with_the_values_and_rounds_do_not():
    rounds, bits = growth.against_count("mul", {})
    assert (rounds.fit.order, bits.fit.order) == ("1", "linear")
    assert bits.fit.slope == pytest.approx(3 * 64)
    assert bits.describe()["points"][0] == [24, 24 * 192]


# Claims


def _claim(**changes):
    return claims.Claim(
        **{"paper": "p", "row": "r", "unit": "rounds", "formula": "1", "op": "mul", "source": "s"} | changes
    )


def test_every_shipped_claim_is_judged():
    found = claims.judge_all(claims.load())
    assert {one.verdict for one in found} == {"equal", "differs", "not decidable"}
    assert all(one.claim.source for one in found)
    assert all(one.text for one in found)


def test_claims_whose_formula_the_text_lacks_are_not_decidable():
    found = claims.judge_all(claims.load())
    paper = [one for one in found if "5.3" in one.claim.row]
    assert len(paper) >= 4
    assert validation_tables.latex(validate.Validation([], [], found)).isascii()
    assert {one.verdict for one in paper} == {"not decidable"}


def test_a_true_claim_is_equal():
    assert claims.judge(_claim()).verdict == "equal"
    assert claims.judge(_claim(unit="bits a value, sum", formula="3*l")).verdict == "equal"
    assert claims.judge(_claim(unit="bytes a value, per party", formula="l/8")).verdict == "equal"
    assert (
        claims.judge(_claim(op="relu", formula="2 + ceiling(log2(ceiling((V - 1)/m)))")).verdict == "equal"
    )


def test_a_false_claim_says_by_how_much():
    found = claims.judge(_claim(unit="bits a value, sum", formula="4*l"))
    assert found.verdict == "differs"
    assert found.text == "differs: ours is -64 (-25.0%)"


def test_a_claim_about_what_is_not_there_is_not_decidable():
    assert claims.judge(_claim(op="teleport")).verdict == "not decidable"
    assert "teleport" in claims.judge(_claim(op="teleport")).text
    assert claims.judge(_claim(set=["protocol.comparison=oracle"])).verdict == "not decidable"
    assert claims.judge(_claim(formula="")).verdict == "not decidable"


def test_orders_are_judged_by_the_fit():
    rounds = {"unit": "order of rounds", "op": "relu"}
    table = ("protocol.comparison=table",)
    assert claims.judge(_claim(**rounds, set=table, formula="log2(k)")).verdict == "equal"
    assert claims.judge(_claim(**rounds, set=table, formula="k")).verdict == "differs"
    assert claims.judge(_claim(**rounds, set=table, formula="k**2")).verdict == "not decidable"
    assert claims.judge(_claim(unit="order of bits", against="n", formula="n")).verdict == "equal"


def test_orders_are_read_from_formulas():
    k = sympy.Symbol("k", positive=True)
    assert claims.order(sympy.Integer(3)) == "1"
    assert claims.order(2 + 3 * sympy.log(k)) == "log"
    assert claims.order(4 * k + 1) == "linear"
    assert claims.order(k * sympy.log(k)) is None


@pytest.mark.parametrize("formula", ["__import__('os')", "x + 1", "l.real", "open(l)", "l +"])
def test_a_formula_that_is_none_is_refused(tmp_path, formula):
    file = tmp_path / "claims.toml"
    file.write_text(
        f'[[claim]]\npaper="p"\nrow="r"\nunit="rounds"\nformula="{formula}"\nop="mul"\nsource="s"\n',
        encoding="utf-8",
    )
    with pytest.raises(InputError, match=r"claim\.0\.formula: "):
        claims.load(file)


def _file(tmp_path, **changes):
    table = {
        "paper": "p",
        "row": "r",
        "unit": "rounds",
        "formula": "1",
        "op": "mul",
        "source": "s",
    } | changes
    file = tmp_path / "claims.toml"
    file.write_text(tomli_w.dumps({"claim": [table]}), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("formula", "why"),
    [
        ("1,5*log2(l)", "2 expressions apart by commas"),
        ("9**9**9", r"a power 9 \*\* 3.874e\+08"),
        ("2**(2**l)", "a power 2"),
        ("k**k**k", "a power"),
        ("(l**16)**64", "a power"),
        ("2**-(10**9)", "a power"),
        ("log(2)**10**12", "a power"),
        ("9" * 300, "found '9999"),
        ("1e999", "found"),
        ("1+" * 300 + "1", "601 characters; accepted: at most 400"),
        ("(" * 180 + "l" + ")" * 180, None),
        ("(" * 199 + "1" + ")" * 199, None),
        ("-" * 399 + "1", None),
        ("l = 3", "invalid syntax"),
        ("l; l", "invalid syntax"),
        ("l\nl", "invalid syntax"),
        ("l if l else f", "found 'l if l else f'"),
        ("l < f", "found 'l < f'"),
        ("[l]", r"found '\[l\]'"),
        ("l % f", "found 'l % f'"),
        ("l // f", "found 'l // f'"),
        ("log2(l, 2)", "accepted: log2 of 1 argument"),
        ("Max()", "accepted: Max of 1 to 8 arguments"),
        ("log(l, base=2)", "accepted: log of 1 to 2"),
        ("Max(*l)", "Max"),
        ("True", "found 'True'"),
        ("1j", "found '1j'"),
        ("'l'", "found"),
        ("lambda: l", "found 'lambda: l'"),
        ("l.real", "found 'l.real'"),
        ("x", "unknown x"),
        ("eval(l)", "unknown eval"),
    ],
)
def test_a_formula_is_one_expression_of_bounded_size_and_read_at_once(tmp_path, formula, why):
    file = _file(tmp_path, formula=formula)
    started = time.process_time()
    if why is None:  # how deep brackets go is Python's to say
        with contextlib.suppress(InputError):
            claims.load(file)
    else:
        with pytest.raises(InputError, match=rf"claims\.toml: claim\.0\.formula: .*{why}"):
            claims.load(file)
    assert time.process_time() - started < 2


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet="lfVkmsn0129+-*/()., log2Max", max_size=60))
def test_whatever_a_formula_is_it_is_read_or_refused(text):
    try:
        found = parse(text)
    except InputError:
        return
    values = dict.fromkeys(found.free_symbols, 7)
    assert claims.order(found) in ("1", "log", "linear", None)
    with contextlib.suppress(TypeError, OverflowError):
        float(found.subs(values))


def test_formulas_keep_their_meaning():
    at = dict(zip(map(symbol, SYMBOLS), (64, 16, 31, 32, 4, 4, 240, 3), strict=True))
    for formula, value in {
        "3*(3*(k - 1) - log2(k)) + l": 3 * (93 - 5) + 64,
        "ceiling(log2(ceiling((V - 1)/m)))": 3,
        "Rational(716 + 939 + 716, 3)": 2371 / 3,
        "Max(l, f) - Min(V, k, 5) + 2**m": 64 - 5 + 16,
        "-l + +f": -48,
        "floor(log(l)/log(2))": 6,
        "2**(-1)*l": 32,
    }.items():
        assert float(parse(formula).subs(at)) == pytest.approx(value), formula


@pytest.mark.parametrize(
    ("unit", "one", "why"),
    [
        ("rounds", "workload.size=1", "its operation and size are `op` and `size`"),
        ("rounds", "workload.op=relu", "its operation and size"),
        ("rounds", " workload.op=relu", "its operation and size"),
        ("rounds", "workload={op='relu'}", "accepted: protocol.KEY=VALUE and ring.KEY=VALUE"),
        ("rounds", "seed=3", "accepted: protocol"),
        ("rounds", "engine.clock=wall", "accepted: protocol"),
        ("rounds", "protocol.radix", "accepted: protocol"),
        ("rounds", "protocol={radix=2}", "accepted: protocol"),
        ("rounds", "", "accepted: protocol"),
        ("order of rounds", "ring.bits=32", "an order is measured over values and bits of its own"),
    ],
)
def test_a_claim_sets_nothing_but_ring_and_protocol(tmp_path, unit, one, why):
    file = _file(tmp_path, unit=unit, set=["protocol.radix=2", one])
    with pytest.raises(InputError, match=rf"claims\.toml: claim\.0\.set\.1: .*{why}"):
        claims.load(file)


def test_claims_are_judged_against_the_scenario_that_is_validated(tmp_path):
    table = {"paper": "p", "row": "r", "op": "relu", "source": "s"}
    rounds = "2 + ceiling(log2(ceiling((V - 1)/m)))"
    more = [
        {"unit": "rounds", "formula": rounds},
        {"unit": "rounds", "formula": "l"},
        {"unit": "rounds", "formula": ""},
        {"unit": "rounds", "formula": rounds, "set": ["protocol.radix=4"]},
        {"unit": "rounds", "formula": "99", "set": ["protocol.radix=2"]},  # the scenario has 4
        {"unit": "rounds", "formula": "99", "set": ["protocol.comparison=oracle"]},
        {"unit": "order of rounds", "formula": "log2(k)"},
        {"unit": "rounds", "formula": "1", "op": "mul"},
    ]
    file = tmp_path / "claims.toml"
    file.write_text(tomli_w.dumps({"claim": [table | each for each in more]}), encoding="utf-8")
    found = validate.validate_scenario("microbench", file)
    verdicts = [(one.claim.formula, one.verdict) for one in found.judgements]
    assert verdicts == [(rounds, "equal"), ("l", "differs"), ("", "not decidable"), (rounds, "equal")]
    assert found.rows[0].equal
    file.write_text(tomli_w.dumps({"claim": [table | more[-1]]}), encoding="utf-8")
    with pytest.raises(InputError, match=r"none of the 1 claims is a cost of 'relu'.* are of mul"):
        validate.validate_scenario("microbench", file)
    with pytest.raises(InputError, match="claims are of operations, and the workload 'private_inference'"):
        validate.validate_scenario("pomic_inference", file)
    with pytest.raises(InputError, match="cannot be read"):
        validate.validate_scenario("microbench", tmp_path / "none.toml")


def test_a_formula_that_comes_to_no_number_is_not_decidable():
    for formula in ("1/(l - 64)", "log(V - 31)", "1/(V - 31) - 1/(l - 64)"):
        assert claims.judge(_claim(formula=formula)).verdict == "not decidable"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[claim]]\npaper = 1\n", r"claim\.0\.paper: found 1"),
        ("[[claims]]\n", "claims: unknown key"),
        ("not toml", "not valid TOML"),
    ],
)
def test_a_bad_file_of_claims_is_refused(tmp_path, text, problem):
    file = tmp_path / "claims.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=problem):
        claims.load(file)


def test_a_missing_file_of_claims_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        claims.load(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("Rational(8 + 8 + 16, 3)", "(8 + 8 + 16)/3"),
        ("3*l", "3·l"),
        ("3*(k - 1) + l**2", "3·(k - 1) + l^2"),
        ("Max(1, log2(k)) + 2", "max(1, log2(k)) + 2"),
        ("Rational(922, 10)", "922/10"),
        ("Rational(7)", "7"),
    ],
)
def test_formulas_of_claims_are_written_as_people_write_them(formula, said):
    assert readable(formula) == said


ORDERS = {"height": ("linear", "linear"), "attributes": ("log", "linear"), "rows": ("log", "n log n")}
SHORT = ("height",)


@pytest.mark.parametrize(
    "axis",
    [
        pytest.param(axis, marks=pytest.mark.skipif(axis not in SHORT and not LONG, reason="MPCSIM_LONG=1"))
        for axis in ORDERS
    ],
)
def test_trees_grow_in_height_attributes_and_rows_as_their_formulas(axis):
    rounds, bits = growth.of_trees(axis)
    assert (rounds.fit.order, bits.fit.order) == ORDERS[axis]
    for (place, found), (_, size) in zip(rounds.points, bits.points, strict=True):
        sizes = {"rows": 256, "attributes": 8, "height": 3} | {axis: place}
        shape = trees.Growth(sizes["rows"], sizes["attributes"], 2, sizes["height"], 31)
        cost = trees.grow(Setting(), shape)
        assert (found, size) == (cost.rounds, 8 * sum(cost.sent))


def test_growth_and_claims_are_written():
    grown = growth.against_count("mul", {})
    judged = [claims.judge(_claim()), claims.judge(_claim(unit="bits a value, sum", formula="4*l"))]
    found = validate.Validation([], list(grown), judged)
    document = validation_tables.markdown(found)
    assert "| mul | l=64 | rounds against n | constant | 1 |" in document
    assert "differs: ours is -64" in document
    assert validation_tables.latex(found).isascii()
    printed = list(validation_tables.screen(found, every=True))
    assert [getattr(part, "title", "") for part in printed][-2:] == [
        "Growth, measured and fitted",
        "Published claims",
    ]
    assert [row["verdict"] for row in found.describe()["claims"]] == ["equal", "differs"]
