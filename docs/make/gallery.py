"""The gallery: every kind of figure, with the commands that made it. `make docs` draws them, once."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pages import ROOT, Pages

from analysis.figures.plot import KINDS

DRAWN = ROOT / ".docs" / "gallery"
"""Where the commands run, and the runs and figures are kept from one build to the next."""

RUNS = {
    "runs/flagship": "mpcsim run pomic_inference --out runs/flagship",
    "runs/paper": "mpcsim run pomic_paper --out runs/paper",
    "runs/dealer2": "mpcsim run pomic_inference --set protocol.family=dealer2 --out runs/dealer2",
    "runs/shamir": "mpcsim run pomic_inference --set protocol.family=shamir --out runs/shamir",
    "runs/replicated4": "mpcsim run pomic_inference --set protocol.family=replicated4 "
    "--out runs/replicated4",
    "runs/networks": 'mpcsim sweep pomic_inference --set network.latency="1 ms,10 ms,30 ms,100 ms" '
    '--set network.bandwidth="20 Mbit/s,220 Mbit/s,1 Gbit/s" --out runs/networks',
    "runs/batches": "mpcsim sweep microbench --set workload.op=relu --set workload.size=1000..100000:*10 "
    "--set protocol.comparison=table,masked,ripple --out runs/batches",
    "runs/training": "mpcsim run thin_training --set training.epochs=6 --set data.count=128 "
    "--set training.test=100 --out runs/training",
    "runs/tree": "mpcsim run tree_training --set trees.height=3 --out runs/tree",
    "runs/tissue": "mpcsim run tissue_segmentation --out runs/tissue",
    "runs/cost": "mpcsim run local_cost --out runs/cost",
    "runs/validation": "mpcsim validate pomic_inference --out runs/validation",
}
"""The commands that make what figures are drawn from, by the folder that they make."""


@dataclass(frozen=True)
class Picture:
    """A figure of the gallery.

    Attributes:
        kind: what `mpcsim plot --kind` calls it.
        runs: what it is drawn from.
        span: of a message diagram.
    """

    kind: str
    runs: tuple[str, ...]
    span: str = ""

    @property
    def folder(self) -> str:
        """Where it is drawn."""
        return f"figures/{self.kind}"

    @property
    def command(self) -> str:
        """The command that draws it."""
        span = f" --span {self.span}" if self.span else ""
        return (
            f"mpcsim plot {' '.join(self.runs)} --kind {self.kind}{span} --format svg --out {self.folder}"
        )


PICTURES = (
    Picture("layers", ("runs/flagship",)),
    Picture("layers-sum", ("runs/flagship",)),
    Picture("compare", ("runs/flagship", "runs/paper")),
    Picture("families", ("runs/flagship", "runs/dealer2", "runs/replicated4", "runs/shamir")),
    Picture("latency", ("runs/networks",)),
    Picture("bandwidth", ("runs/networks",)),
    Picture("network", ("runs/networks",)),
    Picture("sweep", ("runs/batches",)),
    Picture("cost", ("runs/batches",)),
    Picture("messages", ("runs/flagship",), "argmax"),
    Picture("training", ("runs/training",)),
    Picture("tree", ("runs/tree",)),
    Picture("segmentation", ("runs/tissue",)),
    Picture("local-cost", ("runs/cost",)),
    Picture("formula", ("runs/validation",)),
)
REPORT = "mpcsim report runs/flagship --out figures/report.html"
_ABOUT = {kind.name: kind.about for kind in KINDS}
_INTRO = """# Gallery

Every kind of figure, each with the commands that made the one shown, in an empty folder. `mpcsim plot
RUN…` without `--kind` draws all that the runs can feed, as SVG, PDF and PNG.
"""


def pages() -> Pages:
    """Return the page."""
    return {"gallery.md": "\n\n".join([_INTRO, *map(_section, PICTURES), _report()]) + "\n"}


def pictures() -> Mapping[str, Path]:
    """Return the figures that are drawn, by their path in the site."""
    found = {f"gallery/{file.name}": file for one in PICTURES for file in _files(one)}
    report = DRAWN / "figures" / "report.html"
    return found | ({"gallery/report.html": report} if report.is_file() else {})


def _files(one: Picture) -> list[Path]:
    return sorted((DRAWN / one.folder).glob("*.svg"))


def _section(one: Picture) -> str:
    about = _ABOUT[one.kind]
    shown = [f"![{about}](gallery/{file.name})" for file in _files(one)] or ["*Drawn by `make docs`.*"]
    commands = "\n".join([*(RUNS[run] for run in one.runs), one.command])
    return "\n\n".join(
        [f"## {one.kind}", f"{about[0].upper()}{about[1:]}.", *shown, f"```sh\n{commands}\n```"]
    )


def _report() -> str:
    there = "gallery/report.html" in pictures()
    page = "[The page](gallery/report.html)" if there else "The page"
    about = f"{page} that `mpcsim report` writes: one file, which opens offline."
    return f"## report\n\n{about}\n\n```sh\n{RUNS['runs/flagship']}\n{REPORT}\n```"


def draw() -> None:
    """Run every command whose folder is not there yet."""
    DRAWN.mkdir(parents=True, exist_ok=True)
    for folder, command in RUNS.items():
        _run(folder, command)
    for one in PICTURES:
        _run(one.folder, one.command)
    _run("figures/report.html", REPORT)


def _run(made: str, command: str) -> None:
    if (DRAWN / made).exists():
        return
    print(command, flush=True)
    words = [sys.executable, "-m", *shlex.split(command)]
    done = subprocess.run(words, cwd=DRAWN, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    draw()
