"""The carry by masked digit comparison: two rounds."""

from __future__ import annotations

import numpy as np

from protocols.domains import Words
from protocols.replicated3.sharings import BYTE, Halves, Planes, Server

_WORD = np.dtype(np.uint64)


async def carry_by_masked_digits(server: Server, x: Halves) -> Planes:
    """Return halves of the carry out of the lower k − 1 bits of v + w, one plane of n bits.

    v + w carries where v > t = 2^(k−1) − 1 − w. Server 0 shares the one-hot vectors of v's digits mod a
    prime p: with server 1 by PRF, the rest goes to server 2. Servers 1 and 2 compare with their own
    digits of t, which gives shares of one number a digit, of which one is zero where the comparison
    holds and none elsewhere. They scale each by a random unit, turn the vector by a random number of
    places, mask their shares and send them to server 0, who looks for a zero. A random bit known
    to servers 1 and 2 decides which of v > t and v ≤ t is compared, and hides the answer.

    Rounds: 2, of which server 0 sends the first ahead. Bits, for d digits of m bits:
    d(2^m − 1) + 2d numbers mod p > d. Source: Damgård, Geisler, Krøigaard 2007,
    with the third party of Wagh et al. 2019 (SecureNN), on digits: docs/constructions.md#masked-comparison.
    """
    k, n = server.kernels, x.half.size
    radix = server.choices.radix or 2
    widths = [min(radix, x.bits - 1 - low) for low in range(0, x.bits - 1, radix)]
    digits, entries = len(widths), k.digit_entries(widths)
    p = _prime_above(digits)
    if server.role == 0:
        first = _residues(server, 1, "digits", p, (entries, n))
        server.send(2, k.pack_mod(k.deal_digits(x.half, first, widths, p), p))
        terms = [k.unpack_mod(await server.recv(role), p, digits * n).reshape(digits, n) for role in (1, 2)]
        return _plane(server, k.any_zero(*terms, p))
    if server.role == 1:
        shares = _residues(server, 1, "digits", p, (entries, n))
    else:
        shares = k.unpack_mod(await server.recv(0), p, entries * n).reshape(entries, n)
    flip = k.low_bits(server.random(2, "flip", (n,), BYTE), 1)
    scale = k.add(_residues(server, 2, "scale", p - 1, (digits, n)), k.full((), 1, BYTE))
    turn = _residues(server, 2, "turn", digits, (n,))
    mask = _residues(server, 2, "mask", p, (digits, n))
    server_two = server.role - 1
    terms = k.compare_digits(x.half, flip, shares, widths, p, server_two)
    blinded = k.blind(terms, scale, turn, mask, p, 1 - 2 * server_two)
    server.send(0, k.pack_mod(blinded, p))
    return _plane(server, flip)


def _plane(server: Server, bits: Words) -> Planes:
    k = server.kernels
    plane: Planes = k.bit_planes(k.astype(bits, np.dtype(np.uint32)), 0, 1)[0]
    return plane


def _residues(server: Server, key: int, purpose: str, modulus: int, shape: tuple[int, ...]) -> Planes:
    """Return values of F(k_key) that are uniform modulo a small number, within 2^-64."""
    k = server.kernels
    if modulus & (modulus - 1) == 0:
        bits: Planes = k.low_bits(server.random(key, purpose, shape, BYTE), modulus.bit_length() - 1)
        return bits
    count = int(np.prod(shape))
    words = server.random(key, purpose, (k.uniform_mod_words(modulus, count),), _WORD)
    values: Planes = k.uniform_mod(words, modulus, count).reshape(shape)
    return values


def _prime_above(number: int) -> int:
    candidate = max(number + 1, 3)
    while any(candidate % divisor == 0 for divisor in range(2, candidate)):
        candidate += 1
    return candidate
