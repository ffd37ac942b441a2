"""Which nodes of a network run as one, at inference and in training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mpcsim.errors import InputError
from scenarios.graph.nodes import FREE, IMAGE, LayerPlan, readers


@dataclass(frozen=True)
class Block:
    """Layers that run as one, from shares to shares.

    Attributes:
        linear: layers of sums that are added up before anything is sent.
        shares: indices of the outputs that the block reads as shares, besides.
        head: the layer that the block is: the linear one, the `add` of several, or any other.
        pooling: the max pooling that runs inside the block, before the head's ReLU.
    """

    linear: tuple[LayerPlan, ...]
    shares: tuple[int, ...]
    head: LayerPlan
    pooling: LayerPlan | None = None

    @property
    def last(self) -> LayerPlan:
        """The layer whose output the block gives."""
        return self.pooling or self.head

    @property
    def sources(self) -> set[int]:
        """Indices of the outputs that the block reads."""
        return {*self.shares, *(source for linear in self.linear for source in linear.sources)}

    @property
    def sends(self) -> bool:
        """Whether servers exchange anything in it: rearrangement and addition are local."""
        head = self.head
        local = head.kind in ("local", "offset", "weights") or (
            head.kind == "function" and head.layer.function in FREE
        )
        return bool(self.linear) or not (local or (self.head.kind == "add" and not self.head.relu))

    @property
    def multiplies(self) -> bool:
        """Whether it multiplies secrets: a product by public numbers is local."""
        return any(not one.by_public for one in self.linear)

    @property
    def added(self) -> tuple[LayerPlan, ...]:
        """The layers whose sums wait for the head, which adds them."""
        return tuple(one for one in self.linear if one is not self.head)


def blocks(plans: Sequence[LayerPlan], join: bool = True) -> list[Block]:
    """Cut a network into blocks: of one layer each, unless they may `join`.

    The sums of a linear layer without ReLU that an `add` alone reads are truncated after the addition,
    with those of its other branch. Max pooling joins where it alone reads a block of sums, and its
    windows neither overlap nor are padded: then max(relu) = relu(max) comes first.
    """
    read, found = readers(plans), []
    waiting: dict[int, LayerPlan] = {}  # linear layers that their `add` takes in
    joined: set[int] = set()  # poolings that are part of a block already
    for plan in plans:
        linear = plan.kind == "sums"
        alone = join and len(read[plan.index]) == 1 and not plan.shift
        following = read[plan.index][0] if alone else None
        if linear and not plan.relu and following is not None and following.kind == "add":
            waiting[plan.index] = plan
        elif plan.index not in joined:
            sums = (plan,) if linear else tuple(waiting[s] for s in sorted(plan.sources) if s in waiting)
            shares = () if linear else tuple(s for s in plan.sources if s not in waiting)
            pooling = following if sums and following is not None and joins(following) else None
            joined |= {pooling.index} if pooling else set()
            found.append(Block(sums, shares, plan, pooling))
    return found


def joins(plan: LayerPlan) -> bool:
    """Return whether a layer is a max pooling that can run on the sums before it: each in one window."""
    apart = all(step >= size for step, size in zip(plan.stride, plan.window, strict=True))
    return plan.kind == "max" and apart and not any(any(pad) for pad in plan.pads)


def trained_blocks(plans: Sequence[LayerPlan]) -> list[tuple[LayerPlan, LayerPlan | None]]:
    """Pair convolutions and normalisations with the max pooling that runs inside their block.

    In training, where it alone reads them, and comes next.
    """
    read = readers(plans)
    found: list[tuple[LayerPlan, LayerPlan | None]] = []
    for plan in plans:
        before, taken = found[-1] if found else (None, None)
        alone = before is not None and taken is None and read[before.index] == [plan]
        if alone and before.layer.type in ("conv2d", "batch_norm") and joins(plan):  # type: ignore[union-attr]  # there is one
            found[-1] = (before, plan)  # type: ignore[assignment]  # there is one
        else:
            found.append((plan, None))
    return found


def led(plan: LayerPlan) -> bool:
    """Return whether a gradient goes on from a layer: it reads more than the image."""
    return any(source != IMAGE for source in plan.sources)


def refuse_batches(plans: Sequence[LayerPlan]) -> None:
    """Refuse, by layer, channels normalised over a batch: only training on shares knows them."""
    for plan in plans:
        if plan.kind == "batch":
            raise InputError(
                f"{plan}: of private_training alone; accepted here: 'scale', or folded weights"
            )
