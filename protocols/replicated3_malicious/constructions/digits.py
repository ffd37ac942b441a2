"""Digits of shared numbers as one-hot vectors: dealt, then turned by what roles 1 and 2 know.

A digit is β ⊕ c, β = b_0 ⊕ b_1 known to role 0 and c = b_2 to roles 1 and 2. The one-hot vector of β is
that of b_0, which role 2 knows too, with its entries in the order that b_1 gives; the digit's is that of β
in the order of c.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from protocols.domains import Words
from protocols.replicated3.sharings import Share
from protocols.replicated3_malicious.constructions.moving import Order
from protocols.replicated3_malicious.sharings import Checked, Part, Shape, deal

PRODUCTS = 4
"""Bits of a digit up to which its entries are claimed as sums of products; of more as rows that move.

Of w bits (2^w − 1)² products of words a digit, of which a proof folds 16 into an element, or 2^w elements.
"""


async def one_hot(server: Checked, digits: Share, width: int, bits: int) -> Share:
    """Return shares mod 2^bits of the one-hot vectors (2^width, …) of digits (…), shared by ⊕.

    Entry 0 is 1 less the others. Rounds: 2. Bits: 3 · bits(2^width − 1) a digit.
    """
    k, dtype, role = server.kernels, server.word(bits), server.role
    entries, shape = 1 << width, digits.shape

    def part(j: int) -> Words:
        found: Words = k.low_bits(server.component(digits, j), width)
        return found

    def hot(number: Words) -> Words:
        found: Words = k.one_hot_words(number.reshape(-1), entries, dtype).reshape(entries, *shape)
        return found

    wanted: list[Words] = []
    if role == 0:
        wanted = [hot(k.xor(part(0), part(1)))[1:]]
    (dealt,) = await deal(server, wanted, (entries - 1, *shape), (bits,), "digit")
    _claim(
        server, 0, "right", width, bits, shape,
        number=lambda: part(1),
        x=lambda: hot(part(0)),
        left=lambda: server.component(dealt, 0),
        right=lambda: server.component(dealt, 1),
    )  # fmt: skip
    full = with_first(server, dealt)

    # What roles 1 and 2 know turns both halves of it.
    masks = {
        key: server.random(key, "turned", (entries - 1, *shape), dtype)
        for key in (0, 1)
        if (key - role) % 3 != 2
    }
    sent: dict[int, Words] = {}
    if role != 0:
        own = k.sub(k.turned(server.component(full, 2 - role), part(2))[1:], masks[2 - role])
        own = k.low_bits(own, bits)
        server.say(3 - role, [own], bits)
        (got,) = await server.words(3 - role, (entries - 1, *shape), bits)
        sent = {role: own, 3 - role: got}
    _claim(
        server, 1, "right", width, bits, shape,
        number=lambda: part(2),
        x=lambda: server.component(full, 1),
        left=lambda: masks[1],
        right=lambda: sent[1],
    )  # fmt: skip
    _claim(
        server, 2, "left", width, bits, shape,
        number=lambda: part(2),
        x=lambda: server.component(full, 0),
        left=lambda: sent[2],
        right=lambda: masks[0],
    )  # fmt: skip
    both = k.add(sent[1], sent[2]) if sent else None
    return with_first(server, server.sharing(masks.get(0), masks.get(1), both))


def _claim(
    server: Checked,
    prover: int,
    by: Part,
    width: int,
    bits: int,
    shape: Shape,
    *,
    number: Callable[[], Words],
    x: Callable[[], Words],
    left: Callable[[], Words],
    right: Callable[[], Words],
) -> None:
    """Claim that left + right are entries 1 … of x (2^w, …) in the order that a number gives them.

    The number is known at the verifier `by`, x at the other one. Of few entries each is a sum of products,
    Σ_j (x_j − x_0) · [number = e ⊕ j] + x_0, of which x_0 is local to who knows x; of more it is a move.
    """
    k, entries = server.kernels, 1 << width
    if width > PRODUCTS:
        size = math.prod(shape)
        server.claim_moved(
            prover, by, (bits,), (entries * size, (entries - 1) * size),
            order=lambda: _turns(server, number(), entries),
            x=lambda: [x()],
            left=lambda: [left()],
            right=lambda: [right()],
        )  # fmt: skip
        return
    several = range(1, entries)

    def gaps() -> list[Words]:
        full, none = x(), k.zeros((entries - 1, *shape), server.word(bits))
        return [k.add(none, k.sub(full[j : j + 1], full[:1])) for j in several]

    def chosen() -> list[Words]:
        hot = k.one_hot_words(number().reshape(-1), entries, server.word(bits)).reshape(entries, *shape)
        return [k.take(hot, [entry ^ j for entry in several], 0) for j in several]

    def less(part: Callable[[], Words]) -> Callable[[], Words]:
        return lambda: k.sub(part(), x()[:1])

    u, v = (gaps, chosen) if by == "right" else (chosen, gaps)
    own = (less(left), right) if by == "right" else (left, less(right))
    server.claim(prover, bits, (entries - 1, *shape), u=u, v=v, left=own[0], right=own[1])


def with_first(server: Checked, entries: Share) -> Share:
    """Return one-hot entries with entry 0 before them, what the others leave of 1; no message."""
    k = server.kernels

    def whole(words: Words, one: bool) -> Words:
        total = k.sum(words, axis=0)
        first = k.sub(k.full((), int(one), total.dtype), total)
        found: Words = k.concatenate([first.reshape(1, *total.shape), words], 0)
        return found

    return Share(whole(entries.a, server.role == 0), whole(entries.b, server.role == 2))


def _turns(server: Checked, by: Words, entries: int) -> Order:
    """Return the order, flat, of entries 1 … of vectors (entries, …): entry j is that at j ⊕ number."""
    k, size, wide = server.kernels, math.prod(by.shape), server.word(64)
    turned = k.xor(k.positions((entries, size), wide), k.astype(by, wide).reshape(1, -1))[1:]
    found = k.add(k.mul(turned, k.full((), size, wide)), k.positions((size,), wide))
    return k.as_order(found, 63)  # type: ignore[no-any-return]
