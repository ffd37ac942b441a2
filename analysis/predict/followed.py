"""Costs followed from span to span, server by server, so that rounds are right; and the rows of spans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.costs import Cost
from analysis.predict.measuring import Measured
from analysis.predict.rows import Formula, Row, among, cost
from mpcsim.paths import Path as SpanPath
from mpcsim.paths import in_text


class Followed:
    """What spans cost, by path, and how deep each actor is.

    Attributes:
        spans: what is predicted of each: clients share and servers join in one round, in the first.
        depths: of the actors.
    """

    def __init__(self, joined: Sequence[int], clients: Sequence[int]) -> None:
        self.depths = (1,) * len(joined)
        self.spans: dict[SpanPath, dict[str, Any]] = {("sharing",): cost(1, [*joined, *clients])}
        self._parties = len(joined) + len(clients)

    def then(self, path: SpanPath, part: Cost) -> None:
        """Add a cost to a span and to those around it."""
        whole = part.among(len(self.depths))
        after = whole.after(self.depths)
        for around in range(1, len(path) + 1):
            name = path[:around]
            before = self.spans.get(name, cost(0, [0] * len(self.depths)))
            sent = [had + int(more) for had, more in zip(before["per_party"], whole.sent, strict=True)]
            self.spans[name] = cost(before["rounds"] + max(after) - max(self.depths), sent)
        self.depths = after

    def shows(self, shown: Sequence[int]) -> dict[str, Any]:
        """Have servers show clients so many bytes, in one round; return what the run costs."""
        sends = [depth for depth, size in zip(self.depths, shown, strict=True) if size]
        last = max(sends) + 1 if sends else 0
        self.spans["reveal",] = cost(max(last - max(self.depths), 0), list(shown))
        top = [row["per_party"] for path, row in self.spans.items() if len(path) == 1]
        total = [sum(row[party] for row in top if party < len(row)) for party in range(self._parties)]
        return cost(max(last, *self.depths), total)

    def rows(
        self,
        measured: Measured,
        label: str,
        written: Mapping[str, Formula],
        whole: Mapping[str, Any],
        params: Mapping[str, Any],
        source: str,
    ) -> list[Row]:
        """Return a row for each span and one for the run, by the last name of its path without a number."""

        def row(name: str, last: str, predicted: Mapping[str, Any] | None, taken: dict[str, Any]) -> Row:
            return Row(
                label + name, params, written[last.rstrip("0123456789")], predicted, taken, source,
                family=measured.family, parties=measured.parties,
            )  # fmt: skip

        found, spans = [], measured.spans()
        for path in dict.fromkeys([*spans, *self.spans]):
            predicted = self.spans.get(path)
            if predicted is not None:
                predicted = cost(predicted["rounds"], among(predicted["per_party"], self._parties))
            taken = spans.get(path, cost(0, [0] * self._parties))
            found.append(row(in_text(path), path[-1], predicted, taken))
        found.append(row("run", "run", whole, measured.whole()))
        return found
