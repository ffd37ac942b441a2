"""Losses of classification on shares: cross-entropy over softmax, or over a sigmoid for each output."""

from __future__ import annotations

from protocols.replicated3.constructions import argmax, is_negative, is_zero, multiply
from protocols.replicated3.functions import logarithm, sigmoid, softmax
from protocols.replicated3.sharings import Server, Share, add, add_public, multiply_public, negate, subtract

PROBABILITIES = {"softmax": softmax, "sigmoid": sigmoid}


async def probabilities(server: Server, loss: str, logits: Share) -> Share:
    """Return what the loss makes of logits (n, outputs): softmax of each row, or sigmoid of each one."""
    return await PROBABILITIES[loss](server, logits)


def slope(server: Server, p: Share, targets: Share, lift: int) -> Share:
    """Return the gradient p − y of either loss by the logits, times `lift`, at scale 2^f; no message.

    The gradient is that of the sum over the batch, not of the mean.

    Args:
        targets: y, integers 0 or 1 of p's shape.
    """
    one = server.ring.encode_integers(1 << server.ring.fraction_bits)
    difference = subtract(server, p, multiply_public(server, targets, one))
    finer = server.ring.encode_integers(lift)
    return multiply_public(server, difference, finer)


async def total_loss(server: Server, loss: str, p: Share, targets: Share) -> Share:
    """Return Σ −ln q over the batch, in nats, shape (1,).

    q is the probability that the model gives to the truth, plus one unit 2^−f, so that no logarithm is
    of zero: an image adds at most f ln 2 nats (11.1) an output. Softmax: q = p of the label. Sigmoid: q
    = p where y = 1, 1 − p elsewhere.
    """
    k, ring = server.kernels, server.ring
    unit = ring.encode_integers(1 << ring.fraction_bits)
    if loss == "softmax":
        each = await multiply(server, p, targets)
        q = Share(k.sum(each.a, 1), k.sum(each.b, 1))
    else:
        twice = multiply_public(server, p, ring.encode_integers(2))
        change = await multiply(server, add_public(server, twice, k.neg(unit)), targets)
        q = add(server, add_public(server, negate(server, p), unit), change).flat()  # 1 − p + (2p − 1) y
    logs = await logarithm(server, add_public(server, q, ring.encode_integers(1)))
    return negate(server, _total(server, logs))


async def count_right(server: Server, logits: Share, targets: Share) -> Share:
    """Return how many of n images are classified as their targets say, an integer, shape (1,).

    The class is the largest logit's, the first among equals; of a single output, whether it is ≥ 0.
    """
    k, ring = server.kernels, server.ring
    outputs = logits.shape[1]
    if outputs == 1:
        found = await is_negative(server, logits.flat())  # 1 where class 0 is chosen
        both = add(server, found, targets.flat())
        right = await is_zero(server, add_public(server, both, ring.encode_integers(-1)))
        return _total(server, right)
    numbers = k.positions((outputs, 1), ring.dtype).reshape(1, outputs)
    weighted = Share(k.mul(targets.a, numbers), k.mul(targets.b, numbers))
    label = Share(k.sum(weighted.a, 1), k.sum(weighted.b, 1))
    difference = subtract(server, await argmax(server, logits), label)
    return _total(server, await is_zero(server, difference))


def _total(server: Server, x: Share) -> Share:
    k = server.kernels
    flat = x.reshape(1, -1)
    return Share(k.sum(flat.a, 1), k.sum(flat.b, 1))


async def classes(server: Server, logits: Share) -> Share:
    """Return the class of each image, an integer, shape (n,): the largest logit's; of one output, ≥ 0."""
    if logits.shape[1] > 1:
        return await argmax(server, logits)
    negative = await is_negative(server, logits.flat())
    return add_public(server, negate(server, negative), server.ring.encode_integers(1))
