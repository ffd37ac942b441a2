"""The order in which layers are computed, for any number type."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from numpy.typing import NDArray

from scenarios.networks import IMAGE, LayerPlan, readers

Array = NDArray[Any]


def walk(
    plans: Sequence[LayerPlan], images: Array, compute: Callable[[LayerPlan, list[Array]], Array]
) -> Iterator[tuple[LayerPlan, Array]]:
    """Yield every layer with its output, in order; an output is kept until its last reader has run."""
    read = readers(plans)
    kept = {IMAGE: images}
    for plan in plans:
        output = compute(plan, [kept[source] for source in plan.sources])
        kept[plan.index] = output
        for source in set(plan.sources):
            if read[source][-1] is plan:
                del kept[source]
        yield plan, output
