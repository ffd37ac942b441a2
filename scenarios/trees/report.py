"""What a run of trees says of itself: the tree or its answers, beside the exact tree of the clear."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mpcsim import Run
from protocols.trees import Shape
from scenarios.clear import trees
from scenarios.trees.inputs import Inputs
from scenarios.trees.settings import PrivateTreesSettings


@dataclass(frozen=True)
class Report:
    """The output of a run."""

    settings: PrivateTreesSettings
    inputs: Inputs
    shape: Shape

    def summarize(self, run: Run) -> dict[str, Any]:
        """Return sizes, and what was learnt beside the clear."""
        found = self.public(run)
        if self.settings.dry_run:
            return found
        clear, inputs = self.inputs.forest, self.inputs
        forest = [_tree(one) for one in run.outputs.get("owner") or ()]
        if forest:
            found["trees"] = [self._drawn(tree, number) for number, tree in enumerate(forest)]
            found["equal_to_clear"] = all(map(_same, forest, clear))
            if inputs.statistics.classes:
                known = inputs.integers[1].argmax(0)
                found["training_accuracy"] = float(
                    np.mean(self._voted(forest, inputs.integers[0]) == known)
                )
        answers = run.outputs.get("hospital0")
        if answers is not None:
            values, labels = inputs.asked
            expected = self._voted(clear, values)
            found["answers"] = [inputs.classes[one] for one in answers]
            found["answers_equal_to_clear"] = answers == expected.tolist()
            found["accuracy"] = float(np.mean(np.array(answers) == labels))
        return found

    def public(self, run: Run) -> dict[str, Any]:
        """Return what may be said without anybody's rows."""
        del run
        return {
            "rows": self.shape.rows,
            "attributes": self.inputs.attributes,
            "classes": self.shape.statistics.columns if self.shape.statistics.classes else None,
            "height": self.shape.height,
            "queries": self.settings.output.queries,
        }

    def _voted(self, forest: Sequence[trees.ClearTree], values: Any) -> Any:
        """Return the class that most trees give each row of a table (m, n), the first among equals."""
        votes: Any = 0
        for number, tree in enumerate(forest):
            mine = tree.predict(values[self.inputs.sample(number).attributes]).argmax(0)
            votes = votes + (mine == np.arange(len(tree.leaves[0])).reshape(-1, 1))
        return votes.argmax(0)

    def _drawn(self, tree: trees.ClearTree, number: int) -> list[dict[str, Any]]:
        """Return the nodes and leaves that rows can come to, from the root on, for people and figures."""
        unit, scale = 2.0 ** (1 + self.settings.ring.fraction_bits), self.inputs.scale
        rows: list[dict[str, Any]] = []
        attributes = self.inputs.sample(number).attributes

        def add(depth: int, slot: int, parent: int | None) -> None:
            number = len(rows)
            below = tree.leaves[slot << (tree.height - depth) : (slot + 1) << (tree.height - depth)].sum(0)
            row: dict[str, Any] = {"node": number, "parent": parent, "depth": depth}
            if self.inputs.statistics.classes:
                row["classes"] = dict(zip(self.inputs.classes, below.tolist(), strict=True))
            else:
                row["sum"] = float(below[0]) / scale
            rows.append(row)
            node = (1 << depth) - 1 + slot
            if depth < tree.height and tree.tests[node]:
                row["attribute"] = self.inputs.names[int(attributes[tree.attributes[node]])]
                row["threshold"] = float(tree.twice[node]) / unit
                add(depth + 1, 2 * slot, number)
                add(depth + 1, 2 * slot + 1, number)

        add(0, 0, None)
        return rows

    def render(self, output: dict[str, Any]) -> Iterable[Any]:
        """Return lines for people."""
        kind = "targets" if output["classes"] is None else f"{output['classes']} classes"
        sizes = f"{output['rows']} rows of {output['attributes']} attributes"
        yield f"{sizes}, {kind}, height {output['height']}"
        if "trees" in output:
            grown = output["trees"]
            tests = sum("attribute" in row for tree in grown for row in tree)
            same = "equal to" if output["equal_to_clear"] else "NOT equal to"
            one = "the owner's tree has" if len(grown) == 1 else f"the owner's {len(grown)} trees have"
            yield f"{one} {tests} tests; {same} what the clear grows"
        if "training_accuracy" in output:
            yield f"accuracy on the rows for training: {output['training_accuracy']:.1%}"
        if "answers" in output:
            same = "as in" if output["answers_equal_to_clear"] else "NOT as in"
            yield f"{output['queries']} answers, {same} the clear; accuracy {output['accuracy']:.1%}"


def _tree(opened: dict[str, list[Any]]) -> trees.ClearTree:
    """Return a tree that the owner opened."""
    return trees.ClearTree(
        np.array([bool(one) for level in opened["tests"] for one in level]),
        np.array([int(np.argmax(row)) for level in opened["attributes"] for row in level]),
        np.array([one for level in opened["twice"] for one in level], np.int64),
        np.array(opened["leaves"][0], np.int64),
    )


def _same(one: trees.ClearTree, other: trees.ClearTree) -> bool:
    names = ("tests", "attributes", "twice", "leaves")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)
