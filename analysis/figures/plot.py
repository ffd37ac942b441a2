"""`mpcsim plot`: which figures there are, which a run can feed, and where they are written.

A kind of figure is a row of `KINDS`: its name, what it needs, and the function that draws it, which takes
`Sources` and returns figures by file name. The module of the function is imported when it is drawn.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.figures import sources
from analysis.figures.sources import Sources
from mpcsim import InputError
from mpcsim.scenario import unknown

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Kind:
    """A kind of figure.

    Attributes:
        name: what `--kind` calls it.
        about: what it shows.
        needs: what it is drawn from, for messages.
        can: whether these sources can feed it.
        function: "module:function", from `Sources` to figures by file name.
    """

    name: str
    about: str
    needs: str
    can: Callable[[Sources], bool]
    function: str

    def draw(self, found: Sources) -> Mapping[str, Figure]:
        """Draw it."""
        module, _, name = self.function.partition(":")
        drawn: Mapping[str, Figure] = getattr(importlib.import_module(module), name)(found)
        return drawn


def _has_spans(found: Sources) -> bool:
    return any(record.summary["spans"] for record in found.records)


def _sweeps_over(key: str) -> Callable[[Sources], bool]:
    return lambda found: any(key in sweep.varied for sweep in found.sweeps)


def _sweeps_over_both(found: Sources) -> bool:
    return any({"network.latency", "network.bandwidth"} <= set(sweep.varied) for sweep in found.sweeps)


def _several_families(found: Sources) -> bool:
    return len({record.summary.get("family") for record in found.records} - {None}) > 1


def _trains(found: Sources) -> bool:
    return any(_epochs(record.summary) for record in found.records)


def _epochs(summary: Mapping[str, Any]) -> bool:
    return summary.get("workload") == "private_training" and bool(summary["output"].get("history"))


def _has_tree(found: Sources) -> bool:
    return any(
        record.summary.get("workload") == "private_trees" and bool(record.summary["output"].get("trees"))
        for record in found.records
    )


def _has_masks(found: Sources) -> bool:
    return any(
        record.summary.get("workload") == "private_inference"
        and bool(record.summary["output"].get("overlap"))
        for record in found.records
    )


def _costs(found: Sources) -> bool:
    return any(
        record.summary["workload"] == "local_cost" and record.summary["output"].get("rows")
        for record in found.records
    )


def _has_costs(found: Sources) -> bool:
    of_sizes = any("workload.size" in one.varied and "workload.op" in one.good for one in found.sweeps)
    return of_sizes or bool(found.validations)


KINDS = (
    Kind(
        "layers", "rounds, payload bytes (stacked by party) and time, by layer",
        "a run record with spans", _has_spans, "analysis.figures.layers:by_party",
    ),
    Kind(
        "layers-sum", "rounds, payload bytes (sum over the parties) and time, by layer",
        "a run record with spans", _has_spans, "analysis.figures.layers:summed",
    ),
    Kind(
        "compare", "runs side by side: totals, and rounds, bytes and time by layer",
        "two or more run records", lambda found: len(found.records) > 1, "analysis.figures.compare:draw",
    ),
    Kind(
        "families", "families on one scenario: rounds, bytes by phase, makespan over the network, security",
        "run records of two or more families", _several_families, "analysis.figures.families:draw",
    ),
    Kind(
        "training", "accuracy and loss by epoch, beside the clear and the paper's (POMIC figures 6 to 9)",
        "the run record of a private training that revealed its epochs", _trains,
        "analysis.figures.training:by_epoch",
    ),
    Kind(
        "tree", "the decision tree that its owner learnt, from the root down",
        "the run record of the workload private_trees with output.tree = 'owner'", _has_tree,
        "analysis.figures.tree:draw",
    ),
    Kind(
        "segmentation", "of each tile the picture, the true mask, and the mask that came of shares",
        "the run record of a private inference of masks with truth", _has_masks,
        "analysis.figures.segmentation:draw",
    ),
    Kind(
        "local-cost", "what a hospital spends itself, by samples (POMIC figure 10)",
        "the run record of the workload local_cost", _costs, "analysis.figures.training:local_cost",
    ),
    Kind(
        "latency", "makespan against latency, one line for each bandwidth",
        "a sweep over network.latency", _sweeps_over("network.latency"),
        "analysis.figures.network:against_latency",
    ),
    Kind(
        "bandwidth", "makespan against bandwidth, one line for each latency",
        "a sweep over network.bandwidth", _sweeps_over("network.bandwidth"),
        "analysis.figures.network:against_bandwidth",
    ),
    Kind(
        "network", "heat map of the makespan over latency and bandwidth",
        "a sweep over network.latency and network.bandwidth", _sweeps_over_both,
        "analysis.figures.network:heat_map",
    ),
    Kind(
        "sweep", "rounds, payload bytes and makespan against the keys that were swept",
        "a sweep", lambda found: bool(found.sweeps), "analysis.figures.sweep:draw",
    ),
    Kind(
        "cost", "rounds and bytes of operations against their size, the formulas as curves",
        "a sweep of the microbench over workload.size, or the folder of `mpcsim validate --out`",
        _has_costs, "analysis.figures.cost:draw",
    ),
    Kind(
        "formula", "measured rounds and bytes against their formulas, with the identity line",
        "the folder of `mpcsim validate --out`", lambda found: bool(found.validations),
        "analysis.figures.validation:draw",
    ),
    Kind(
        "messages", "message diagram of a span: parties as lanes, messages as slanted arrows",
        "a run record with events, and --span NAME",
        lambda found: bool(found.records) and found.span is not None, "analysis.figures.messages:draw",
    ),
)  # fmt: skip


def plot(
    paths: Sequence[Path],
    kinds: Sequence[str] = (),
    out: Path | None = None,
    formats: str = "svg,pdf,png",
    span: str | None = None,
    width: float = 7.0,
    font_size: float = 8.0,
    titles: bool = True,
) -> list[Path]:
    """Draw figures and return their files.

    Args:
        paths: folders of runs, sweeps and validations.
        kinds: names of kinds; without any, all that the paths can feed.
        out: where files go; by default "figures" in the folder of the only path, or in the current one.
        formats: of svg, pdf, png, between commas.
        span: name or path of the span that a message diagram shows.
        width: of the page, in inches: 7 fills both columns of a paper, 3.4 one.
        font_size: points of ordinary text; all other letters follow.
        titles: whether a figure says above its panels what it is of.

    Raises:
        InputError: a kind or format is unknown, the paths cannot feed a kind, a folder is damaged.
    """
    from analysis.figures import style as figures

    page = figures.Page(width, font_size, titles)
    chosen_formats = figures.read_formats(formats)
    wanted = [_kind(name) for name in kinds]
    found = replace(sources.read(paths), span=span)
    possible = [kind for kind in KINDS if kind.can(found)]
    for kind in wanted:
        if kind not in possible:
            raise InputError(
                f"--kind {kind.name}: needs {kind.needs}; found {found.what()}, which can feed: "
                f"{_names(possible)}"
            )
    if not possible:
        listed = "".join(f"\n  {kind.name}: {kind.needs}" for kind in KINDS)
        raise InputError(f"found {found.what()}, which feeds no figure; kinds and what they need:{listed}")
    if out is None:
        out = (paths[0] if len(paths) == 1 and paths[0].is_dir() else Path()) / "figures"
    with figures.styled(page):
        drawn = {name: one for kind in wanted or possible for name, one in kind.draw(found).items()}
        return figures.save(drawn, out, chosen_formats)


def _kind(name: str) -> Kind:
    for kind in KINDS:
        if kind.name == name:
            return kind
    raise InputError(f"--kind: {unknown(name, [kind.name for kind in KINDS], 'kind')}")


def _names(kinds: Sequence[Kind]) -> str:
    return ", ".join(kind.name for kind in kinds) or "none"
