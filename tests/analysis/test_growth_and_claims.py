"""How cost grows, and what becomes of published claims."""

import math

import pytest
import sympy

from analysis import claims, growth, validate, validation_tables
from mpcsim import InputError

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


def test_growth_and_claims_are_written():
    grown = growth.against_count("mul", {})
    judged = [claims.judge(_claim()), claims.judge(_claim(unit="bits a value, sum", formula="4*l"))]
    found = validate.Validation([], list(grown), judged)
    document = validation_tables.markdown(found)
    assert "| mul | l=64 | rounds against n | constant | 1 |" in document
    assert "differs: ours is -64" in document
    assert validation_tables.latex(found).isascii()
    assert len(list(validation_tables.screen(found))) == 4
    assert [row["verdict"] for row in found.describe()["claims"]] == ["equal", "differs"]
