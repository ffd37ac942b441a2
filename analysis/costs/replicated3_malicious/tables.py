"""Tables where one of three servers may lie: what moves, and what is verified before an order is opened.

`columns` independent tables of n rows lie side by side. Source: docs/malicious.md#shuffles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from analysis.costs.algebra import LOCAL, Claim, Cost, messages, rotated, sequence, together
from analysis.costs.families import FamilySetting
from analysis.costs.numbers import Number, bits_below, packed
from analysis.costs.replicated3_malicious import proof, steps

_PASSES = (1, 2, 0)
"""The keys whose permutations a shuffle takes, one after the other."""
_PRODUCTS = 4
"""Bits of a digit up to which its one-hot entries are sums of products."""


@dataclass
class Course:
    """What is computed one step after the other, and verified before an order is opened.

    Attributes:
        security: s.
        span: what is written down is in it, by path; empty where nobody asks.
        parts: what was sent so far, by the span that it was in: `span`, or a verification inside it.
        claims: those that nobody has verified.
    """

    security: int
    span: tuple[str, ...] = ()
    parts: list[tuple[tuple[str, ...], Cost]] = field(default_factory=list)
    claims: tuple[Claim, ...] = ()

    @property
    def cost(self) -> Cost:
        """What was sent so far, with what is left to prove."""
        return replace(sequence(*(cost for _, cost in self.parts)), claims=self.claims)

    def then(self, *costs: Cost) -> None:
        """Go on."""
        cost = sequence(*costs)
        self.parts.append((self.span, cost))
        self.claims += cost.claims

    def verified(self, *inside: str) -> None:
        """Have all claims verified, by a path of spans."""
        checked = proof.verification(self.claims, self.security, shows=False)
        self.parts.append((inside, checked))
        self.claims = ()

    def opens(self, rows: int, bits: int) -> None:
        """Have all claims verified, and open so many numbers."""
        self.verified(*self.span, "verified before")
        self.then(steps.opened(rows, bits))


def rank_bits(n: int) -> int:
    """Return b, the bits of the greatest row number; one where there is a single row."""
    return max(1, int(bits_below(n)))


def moved(rows: Number, widths: Sequence[Number], key: int, planes: Sequence[Number] = ()) -> Cost:
    """Two servers exchange masked rows; each proves its own, those of words and those of ⊕ apart."""
    a = (key + 2) % 3
    size = sum(packed(rows, width) for width in (*widths, *planes))
    kinds = [kind for kind, some in (("map", widths), ("lanes", planes)) if some]
    claims = tuple(Claim(prover, kind, rows, 1) for kind in kinds for prover in (a, key))
    return replace(messages((a, key, size), (key, a, size)), claims=claims)


def shuffle(
    rows: Number, widths: Sequence[Number], planes: Sequence[Number] = (), back: bool = False
) -> Cost:
    """Three passes; columns of `rows` values in all, of so many bits each, added or by ⊕ (`planes`)."""
    order = reversed(_PASSES) if back else _PASSES
    return sequence(*(moved(rows, widths, key, planes) for key in order))


def digits(bits: Sequence[int], digit: int) -> list[int]:
    """Return the widths of all digits, key after key; the highest digit of a key is the short one."""
    return [min(digit, width - low) for width in bits for low in range(0, width, digit)]


def one_hot(rows: int, width: int, bits: int) -> Cost:
    """Role 0 deals the entries but one, roles 1 and 2 turn them.

    Each entry that is sent is claimed as a sum of as many products as there are such entries; those of wide
    digits are claimed as one move.
    """
    sent = (1 << width) - 1
    kind, count, terms = "map", rows << width, 1
    if width <= _PRODUCTS:
        kind, count, terms = "words", sent * rows, sent
    size = packed(sent * rows, bits)
    turned = replace(
        messages((1, 2, size), (2, 1, size)),
        claims=(Claim(1, kind, count, terms), Claim(2, kind, count, terms)),
    )
    return sequence(steps.dealt(size, Claim(0, kind, count, terms)), turned)


def opened(
    course: Course, n: int, columns: int, widths: Sequence[int] = (), planes: Sequence[int] = ()
) -> None:
    """Shuffle an order, and columns with it; verify; open it."""
    b, rows = rank_bits(n), n * columns
    course.then(shuffle(rows, [*widths, b], planes))
    course.opens(rows, b)


def order_by(
    course: Course, n: int, columns: int, bits: Sequence[int], digit: int, carried: Sequence[int] = ()
) -> None:
    """Stable radix sort by keys of so many bits, least significant first."""
    b, left = rank_bits(n), list(bits)

    def places(width: int, part: Number) -> Cost:
        rows = int(part) * n
        return sequence(one_hot(rows, width, b), steps.product(rows, b, 2 << width))

    for width in digits(bits, digit):
        course.then(rotated(partial(places, width), columns))
        left[0] -= width
        left = left if left[0] else left[1:]
        opened(course, n, columns, carried or [b], left)


def apply_order(course: Course, n: int, columns: int, widths: Sequence[int]) -> None:
    """Open the order, then un-shuffle rows."""
    opened(course, n, columns)
    course.then(shuffle(n * columns, widths, back=True))


def apply_inverse(course: Course, n: int, columns: int, widths: Sequence[int]) -> None:
    """Order and rows under the same fresh shuffle."""
    opened(course, n, columns, widths)


def key_of(n: int, bits: int) -> Cost:
    """Keys become shares by ⊕."""
    return rotated(lambda part: steps.all_bits(part, bits), n)


def equal(n: int, bits: int, out: int) -> Cost:
    """Equalities as integers mod 2^out."""
    return (
        rotated(lambda part: sequence(steps.zero(part, bits), steps.number(part, out)), n) if n else LOCAL
    )


def course_of(setting: FamilySetting) -> Course:
    """Return a course that begins."""
    return Course(setting.choice("security"))


def sort(setting: FamilySetting, n: int) -> Cost:
    """Values of the ring, with themselves as payload: moved after it, or carried."""
    course, bits = course_of(setting), int(setting.V)
    course.then(key_of(n, bits))
    if setting.payload == "carried":
        order_by(course, n, 1, [bits], setting.sort_digit, [int(setting.l)])
    else:
        order_by(course, n, 1, [bits], setting.sort_digit)
        apply_order(course, n, 1, [int(setting.l)])
    return course.cost


def group_sums(setting: FamilySetting, n: int) -> Cost:
    """Sort by key, compare neighbours, bring the ends of groups to the front, mask the other rows."""
    course, bits, word = course_of(setting), int(setting.V), int(setting.l)
    course.then(key_of(n, bits))
    order_by(course, n, 1, [bits], setting.sort_digit)
    apply_order(course, n, 1, [word] * 2)
    course.then(equal(n - 1, bits, word))
    order_by(course, n, 1, [1], 1)
    apply_order(course, n, 1, [word] * 3)
    course.then(steps.product(2 * n, word))
    return course.cost


def group_maxima(setting: FamilySetting, n: int) -> Cost:
    """Sort by key and descending value, bring first rows (key, value, row number) to the front, mask."""
    course, bits, word = course_of(setting), int(setting.V), int(setting.l)
    course.then(together(key_of(n, bits), key_of(n, bits)))
    order_by(course, n, 1, [bits, bits], setting.sort_digit)
    apply_order(course, n, 1, [word] * 3)
    course.then(equal(n - 1, bits, word))
    order_by(course, n, 1, [1], 1)
    apply_order(course, n, 1, [word] * 4)
    course.then(steps.product(3 * n, word))
    return course.cost


def spread_first(course: Course, n: int, values: int, word: int) -> None:
    """First rows to the front, differences masked, back to their places."""
    order_by(course, n, 1, [1], 1)
    apply_order(course, n, 1, [word] * (1 + values))
    course.then(steps.product(values * n, word))
    apply_inverse(course, n, 1, [word] * values)


def join(setting: FamilySetting, n: int) -> Cost:
    """Both tables, n rows together: sort by key, compare neighbours, spread, back to their order.

    A column more travels along: whether a row is of the right table.
    """
    course, bits, word = course_of(setting), int(setting.V), int(setting.l)
    course.then(key_of(n, bits))
    order_by(course, n, 1, [bits], setting.sort_digit)
    apply_order(course, n, 1, [word] * 3)
    course.then(equal(n - 1, bits, word))
    spread_first(course, n, 2, word)
    apply_inverse(course, n, 1, [word] * 2)
    return course.cost
