"""Recurrent layers as nodes: LSTM and GRU over rows, one way, the other, or both side by side.

What rows give to the gates is one product for all of them. A step adds its state's product, and evaluates
all its gates together: tanh(x) = 2 logistic(2x) − 1, so that one table serves, and doubling is local.
Both ways take their steps together, as groups of one convolution. Sources: Hochreiter, Schmidhuber 1997,
with the forget gate of Gers et al. 2000; Cho et al. 2014.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from scenarios.graph.arrangements import (
    Arrangement,
    Broadcast,
    Chain,
    Combine,
    Concatenate,
    Multiples,
    Reshape,
    Take,
)
from scenarios.graph.nodes import Operator, Product, Shape

Direction = Literal["forward", "reverse", "both"]
Cell = Literal["lstm", "gru"]
GATES: dict[Cell, int] = {"lstm": 4, "gru": 3}
"""Blocks of columns of the weights: input, output, forget, candidate; update, reset, candidate."""


class Nodes(Protocol):
    """A graph while it is made."""

    def add(self, name: str, layer: Operator, sources: tuple[int, ...], output: Shape, **more: Any) -> int:
        """Add a node, and return its place."""
        ...

    def shape(self, source: int) -> Shape:
        """Return the shape of an output."""
        ...

    def called(self, source: int) -> str:
        """Return what a node is called."""
        ...


@dataclass(frozen=True)
class Recurrent:
    """A recurrent layer.

    Attributes:
        cell: "lstm" or "gru".
        units: H.
        direction: of its steps.
        before: of a GRU, whether the reset gate multiplies the state before its product with weights; else
            it multiplies the product and its bias.
        bias: whether weights of the rows have a number for each column (and, of a GRU whose product is
            reset, those of the state).
    """

    cell: Cell
    units: int
    direction: Direction = "forward"
    before: bool = False
    bias: bool = True

    @property
    def ways(self) -> int:
        """How many directions there are."""
        return 2 if self.direction == "both" else 1

    @property
    def columns(self) -> int:
        """Columns of the weights of rows: directions × gates × units."""
        return self.ways * GATES[self.cell] * self.units


Wanted = Literal["rows", "last", "cell"]


def unrolled(
    nodes: Nodes,
    layer: Recurrent,
    source: int,
    wanted: Sequence[Wanted],
    initial: int | None = None,
    cell: int | None = None,
) -> list[int]:
    """Add the steps of a recurrent layer over an output (T, B, width).

    Weights are those of the node "rows", (width, columns), and of the first "state", (H, columns) or as
    groups of a convolution (1, 1, H, columns); a GRU that resets after has numbers of each product in
    "constant", of one that resets before "state" has two blocks a direction and "candidate" the last.

    Args:
        wanted: nodes to add and return: "rows", the states of all rows (T, B, ways·H); "last", those after
            the last step of each direction (B, ways, H); of an LSTM "cell", the same of its cell.
        initial: node of (B, ways, H), the states before the first step; None for zeros.
        cell: of an LSTM, the same of its cell.
    """
    length, batch, _ = nodes.shape(source)
    return _Steps(nodes, layer, length, batch).run(source, wanted, initial, cell)


@dataclass
class _Steps:
    """Nodes of the steps; states are (1, B, ways, H), sums with weights (1, B, columns)."""

    nodes: Nodes
    layer: Recurrent
    length: int
    batch: int
    step: str = ""
    owners: dict[str, str] = field(default_factory=dict)
    constant: int | None = None

    def run(
        self, source: int, wanted: Sequence[Wanted], initial: int | None, cell: int | None
    ) -> list[int]:
        """Add all steps, and what is wanted of them."""
        layer, batch, ways = self.layer, self.batch, self.layer.ways
        given = self._in_order("given", self._rows(source))
        state, kept = (
            None if one is None else self.arrange(name, Reshape(self.state), one)
            for name, one in (("initial", initial), ("initial_cell", cell))
        )
        found: list[int] = []
        for place in range(self.length):
            self.step = f"{place}."
            row = self.arrange("row", Take(0, (place,)), given)
            state, kept = self._lstm(row, state, kept) if layer.cell == "lstm" else self._gru(row, state)
            found.append(state)
        self.step = ""
        ends = Reshape((batch, ways, layer.units))

        def given_back(one: Wanted) -> int:
            if one == "rows":
                flat = Reshape((1, batch, ways * layer.units))
                wide = [self.arrange(f"{place}.states", flat, state) for place, state in enumerate(found)]
                return self._in_order("found", self.arrange("together", Concatenate(0), *wide))
            last = kept if one == "cell" else found[-1]
            assert last is not None
            return self.arrange(f"last_{one}", ends, last)

        return [given_back(one) for one in wanted]

    @property
    def state(self) -> Shape:
        """Of states."""
        return (1, self.batch, self.layer.ways, self.layer.units)

    # A step

    def _lstm(self, row: int, state: int | None, cell: int | None) -> tuple[int, int]:
        """Return c' = f c + i tanh(g) and h' = o tanh(c'), of logistic gates i, o, f and the sums g."""
        sums = row if state is None else self._added("sums", self._product("state", state, 4), row)
        gates = self._logistic("gates", sums, self._blocks(4), Multiples(3, (1, 1, 1, 2)))
        enter, leave = (
            self.arrange(name, self._block(place), gates) for place, name in ((0, "input"), (1, "output"))
        )
        twice = (self._block(3), Multiples(0, (2,)))
        total = self._times("entering", gates, enter, *twice)
        if cell is not None:
            total = self._added("kept", total, self._times("forgetting", gates, cell, self._block(2)))
        cell = self.arrange("cell", Combine((1, -1)), total, enter)
        shown = self._logistic("shown", cell, Multiples(0, (2,)))
        found = self._times("leaving", shown, leave, Multiples(0, (2,)))
        return self.arrange("found", Combine((1, -1)), found, leave), cell

    def _gru(self, row: int, state: int | None) -> tuple[int, None]:
        """Return h' = h + z (n − h), z = logistic(−update), n the candidate with the reset state."""
        reset = self._reset_before if self.layer.before else self._reset_after
        gates, sums = reset(row, state)
        update = self.arrange("update", self._block(0), gates)
        candidate = self._logistic("new", sums, Multiples(0, (2,)))
        signs, parts = (
            ((1, 1), [candidate] * 2) if state is None else ((1, 1, -1), [candidate] * 2 + [state])
        )
        apart = self.arrange("apart", Combine(signs), *parts)
        total = self._times("moving", gates, apart, self._block(0))
        if state is not None:
            total = self._added("moved", total, state)
        return self.arrange("found", Combine((1, -1)), total, update), None

    def _reset_before(self, row: int, state: int | None) -> tuple[int, int]:
        """Return the gates 1 − z and r, and the sums of the candidate, (r h) R + …."""
        two, last = (self._part("two", row, (0, 1)), self._part("one", row, (2,)))
        if state is not None:
            two = self._added("sums", self._product("state", state, 2), two)
        gates = self._logistic("gates", two, self._blocks(2), Multiples(3, (-1, 1)))
        if state is not None:
            kept = self._times("resetting", gates, state, self._block(1))
            last = self._added("candidates", self._product("candidate", kept, 1), last)
        return gates, self.arrange("apart_sums", Reshape(self.state), last)

    def _reset_after(self, row: int, state: int | None) -> tuple[int, int]:
        """Return the gates 1 − z and r, and the sums of the candidate, r (h R + b) + …."""
        product = self._constant(row)
        if state is not None:
            found = self._product("state", state, 3)
            product = found if product is None else self._added("biased", found, product)
        sums = row if product is None else self._added("sums", row, product)
        two = self._part("two", sums, (0, 1))
        gates = self._logistic("gates", two, self._blocks(2), Multiples(3, (-1, 1)))
        last = self.arrange("one", Chain((self._blocks(3), self._block(2))), row)
        if product is not None:
            one = self.arrange("states_one", Chain((self._blocks(3), self._block(2))), product)
            last = self._added("candidates", self._times("resetting", gates, one, self._block(1)), last)
        return gates, last

    # Adding nodes

    def arrange(self, name: str, how: Arrangement, *sources: int) -> int:
        """Add a rearrangement."""
        output = how.shape(*map(self.nodes.shape, sources))
        return self.nodes.add(
            self.step + name, Operator("rearranged", "local"), sources, output, arrange=how
        )

    def _blocks(self, count: int) -> Reshape:
        """Columns as blocks of each direction."""
        return Reshape((1, self.batch, self.layer.ways, count, self.layer.units))

    def _block(self, place: int) -> Chain:
        """One of the blocks, as a state."""
        return Chain((Take(3, (place,)), Reshape(self.state)))

    def _part(self, name: str, row: int, places: tuple[int, ...]) -> int:
        """Add some of a GRU's blocks of columns."""
        columns = self.layer.ways * len(places) * self.layer.units
        steps = (self._blocks(3), Take(3, places), Reshape((1, self.batch, columns)))
        return self.arrange(name, Chain(steps), row)

    def _logistic(self, name: str, source: int, *before: Arrangement) -> int:
        """Add 1/(1 + e^−x), of what is rearranged before."""
        x = self.arrange(f"{name}_sums", before[0] if len(before) == 1 else Chain(before), source)
        node = Operator("logistic", "function", function="logistic")
        return self.nodes.add(self.step + name, node, (x,), self.nodes.shape(x))

    def _times(self, name: str, x: int, y: int, *before: Arrangement) -> int:
        """Add the product of states, the first as it is rearranged before."""
        product = Product("mul", self.state, self.state, prepare=before)
        node = Operator("multiply", "sums")
        return self.nodes.add(self.step + name, node, (x, y), self.state, product=product)

    def _added(self, name: str, x: int, y: int) -> int:
        return self.nodes.add(self.step + name, Operator("add", "add"), (x, y), self.nodes.shape(x))

    def _rows(self, source: int) -> int:
        """Add the product of all rows with their weights."""
        length, batch, width = self.nodes.shape(source)
        columns = self.layer.columns
        return self.nodes.add(
            "rows", Operator("dense", "sums"), (source,), (length, batch, columns), kernel=(width, columns),
            bias=(columns,) if self.layer.bias else None,
            product=Product("matmul", (length, batch, width), (width, columns)),
        )  # fmt: skip

    def _in_order(self, name: str, source: int) -> int:
        """Return rows, those of the reverse direction, which are the last columns, turned around."""
        if self.layer.direction == "forward" or self.length == 1:
            return source
        backwards = Take(0, tuple(range(self.length))[::-1])
        if self.layer.direction == "reverse":
            return self.arrange(f"{name}_reversed", backwards, source)
        whole = self.nodes.shape(source)[-1]
        first, last = (tuple(range(whole // 2)), tuple(range(whole // 2, whole)))
        ahead = self.arrange(f"{name}_ahead", Take(2, first), source)
        behind = self.arrange(f"{name}_behind", Chain((Take(2, last), backwards)), source)
        return self.arrange(f"{name}_sides", Concatenate(2), ahead, behind)

    def _product(self, name: str, state: int, blocks: int) -> int:
        """Add the product of a state with weights of so many blocks of columns, those of the first step."""
        units, ways = self.layer.units, self.layer.ways
        columns = ways * blocks * units
        flat = Reshape((1, self.batch, ways * units))
        kernel: Shape = (units, columns) if ways == 1 else (1, 1, units, columns)
        product = Product("matmul" if ways == 1 else "conv2d", flat.to, kernel, prepare=(flat,))
        found = self.nodes.add(
            self.step + name, Operator("dense", "sums"), (state,), (1, self.batch, columns), kernel=kernel,
            product=product, held=self.owners.get(name, ""),
        )  # fmt: skip
        self.owners.setdefault(name, self.nodes.called(found))
        return found

    def _constant(self, row: int) -> int | None:
        """Return what is added to a product with a state, for every image; None without biases."""
        if self.layer.bias and self.constant is None:
            columns = self.layer.columns
            node = Operator("weights", "weights")
            known = self.nodes.add("constant", node, (row,), (columns,), bias=(columns,))
            self.constant = self.arrange("constants", Broadcast((1, self.batch, columns)), known)
        return self.constant
