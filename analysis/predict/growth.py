"""What a run of trees says of itself that formulas of growth take."""

from __future__ import annotations

from analysis.costs.replicated3 import trees
from analysis.predict.measuring import Measured
from scenarios.trees import PrivateTreesSettings, scaled_bits

_LEAST_GAIN_BITS = 16


def growth_shape(measured: Measured, settings: PrivateTreesSettings) -> trees.Growth:
    """Return the public sizes of the tree, as the run told them."""
    chosen, classes = settings.trees, measured.told("classes")
    rows = measured.told("rows")
    shared = measured.told("joined")[0] if settings.data.vertical else rows
    attributes = chosen.attributes or measured.told("attributes")
    bits = 0 if classes else scaled_bits(settings, shared, attributes)
    least = round(chosen.least_gain * rows * 2 ** (_LEAST_GAIN_BITS + 2 * bits))
    return trees.Growth(
        rows,
        attributes,
        classes or 1,
        chosen.height,
        settings.ring.value_bits,
        bool(classes),
        bits,
        chosen.least_rows,
        least > 0,
        chosen.digit,
    )


def resumed(measured: Measured, settings: PrivateTreesSettings) -> tuple[int, bool]:
    """Return the levels, or boosted trees, that a checkpoint already had, and whether it had bins."""
    if settings.checkpoint.folder is None or settings.dry_run:
        return 0, False
    boosted = settings.trees.model == "boosted"
    return measured.told("resumed_from"), boosted and measured.told("bins_kept")
