"""What a run of trees says of itself: the tree or its answers, beside the exact tree of the clear."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mpcsim import Run
from mpcsim.texts import out_of, plural
from protocols.boosting import STEP
from protocols.trees import Shape
from scenarios.clear import boosted, trees
from scenarios.trees.inputs import Inputs
from scenarios.trees.kept import Kept
from scenarios.trees.settings import PrivateTreesSettings


@dataclass(frozen=True)
class Report:
    """The output of a run."""

    settings: PrivateTreesSettings
    inputs: Inputs
    shape: Shape
    kept: Kept

    def summarize(self, run: Run) -> dict[str, Any]:
        """Return sizes, and what was learnt beside the clear."""
        found = self.public(run)
        if self.settings.dry_run:
            return found
        clear, inputs = self.inputs.forest, self.inputs
        opened: list[dict[str, Any]] = run.outputs.get("owner") or []
        forest = [_tree(one) for one in opened if "leaves" in one]
        if forest:
            found["trees"] = [self._drawn(tree, number) for number, tree in enumerate(forest)]
            found["equal_to_clear"] = all(map(_same, forest, clear))
            if inputs.boosted:
                [base] = opened[-1]["base"]
                found |= self._boosted(boosted.ClearBoosted(base, forest))
            elif inputs.statistics.classes:
                known = inputs.integers[1].argmax(0)
                found["training_accuracy"] = float(
                    np.mean(inputs.voted(forest, inputs.integers[0]) == known)
                )
        answers = run.outputs.get("hospital0")
        if answers is not None:
            values, labels = inputs.asked
            known = np.array([one is not None for one in answers], np.bool_)
            there = [one for one in answers if one is not None]
            named = iter(inputs.answered(there))
            found["answers"] = [next(named) if one else None for one in known]
            found["answers_equal_to_clear"] = bool(
                np.array_equal(known, inputs.known) and there == inputs.expected(values[:, known]).tolist()
            )
            labels = labels[known]
            if inputs.statistics.classes:
                found["accuracy"] = float(np.mean(np.array(there) == labels)) if there else None
            else:
                errors = np.array([one for one in found["answers"] if one is not None]) - labels
                found["root_mean_square_error"] = float(np.sqrt(np.mean(errors**2))) if there else None
        return found

    def _boosted(self, found: boosted.ClearBoosted) -> dict[str, Any]:
        """Return what the owner knows of boosted trees: the base, and the loss before and after each."""
        values, [targets] = self.inputs.integers
        classes = self.inputs.statistics.classes
        known: dict[str, Any] = {
            "base": found.base / 2.0**STEP,
            "equal_to_clear": found.base == self.inputs.steps.base
            and all(map(_same, found.trees, self.inputs.steps.trees)),
            "loss": [
                boosted.loss(found.raw_scores(values, count), targets, classes)
                for count in range(len(found.trees) + 1)
            ],
        }
        if classes:
            known["training_accuracy"] = float(np.mean((found.raw_scores(values) >= 0) == (targets > 0)))
        return known

    def public(self, run: Run) -> dict[str, Any]:
        """Return what may be said without anybody's rows."""
        del run
        halves = [self.inputs.rows, self.inputs.second_rows] if self.settings.data.vertical else None
        return {
            "rows": self.inputs.trained,
            "attributes": self.inputs.attributes,
            "classes": self.inputs.statistics.columns if self.inputs.statistics.classes else None,
            "height": self.shape.height,
            "queries": self.settings.output.queries,
            **({"boosted": self.settings.trees.count} if self.inputs.boosted else {}),
            **({"resumed_from": self.kept.step} if self.kept.trees is not None else {}),
            **({"bins_kept": self.kept.found} if self.kept.bins is not None else {}),
            **({"joined": halves, "widths": list(self.inputs.widths)} if halves else {}),
        }

    def _drawn(self, tree: trees.ClearTree, number: int) -> list[dict[str, Any]]:
        """Return the nodes and leaves that rows can come to, from the root on, for people and figures."""
        unit, scale = 2.0 ** (1 + self.settings.ring.fraction_bits), self.inputs.scale
        rows: list[dict[str, Any]] = []
        attributes = self.inputs.sample(number).attributes

        def add(depth: int, slot: int, parent: int | None) -> None:
            number = len(rows)
            below = tree.leaves[slot << (tree.height - depth) : (slot + 1) << (tree.height - depth)].sum(0)
            row: dict[str, Any] = {"node": number, "parent": parent, "depth": depth}
            node = (1 << depth) - 1 + slot
            tests = depth < tree.height and bool(tree.tests[node])
            if self.inputs.boosted:  # the rows of what tests nothing go left, all the way down
                row |= (
                    {}
                    if tests
                    else {"step": float(tree.leaves[slot << (tree.height - depth), 0]) / 2**STEP}
                )
            elif self.inputs.statistics.classes:
                row["classes"] = dict(zip(self.inputs.classes, below.tolist(), strict=True))
            else:
                row["sum"] = float(below[0]) / scale
            rows.append(row)
            if tests:
                row["attribute"] = self.inputs.names[int(attributes[tree.attributes[node]])]
                row["threshold"] = float(tree.twice[node]) / unit
                add(depth + 1, 2 * slot, number)
                add(depth + 1, 2 * slot + 1, number)

        add(0, 0, None)
        return rows

    def render(self, output: dict[str, Any]) -> Iterable[Any]:
        """Return lines for people."""
        kind = "targets" if output["classes"] is None else plural(output["classes"], "class")
        sizes = f"{plural(output['rows'], 'row')} of {plural(output['attributes'], 'attribute')}"
        many = f"{plural(output['boosted'], 'boosted tree')} of " if "boosted" in output else ""
        yield f"{sizes}, {kind}, {many}height {output['height']}"
        if output.get("resumed_from"):
            what = plural(output["resumed_from"], "tree" if "boosted" in output else "level")
            yield f"goes on from {what} of a checkpoint"
        if "joined" in output:
            first, second = output["joined"]
            yield f"joined: {plural(first, 'row')} for training of one hospital, {second} of the other"
        if "trees" in output:
            grown = output["trees"]
            tests = sum("attribute" in row for tree in grown for row in tree)
            same = "equal to" if output["equal_to_clear"] else "NOT equal to"
            one = "the owner's tree has" if len(grown) == 1 else f"the owner's {len(grown)} trees have"
            yield f"{one} {plural(tests, 'test')}; {same} what the clear grows"
        if "loss" in output:
            first, *_, last = output["loss"]
            yield f"loss on the rows for training: {first:.4g}, and {last:.4g} after all trees"
        if "training_accuracy" in output:
            found = out_of(output["training_accuracy"], output["rows"])
            yield f"accuracy on the rows for training: {found}"
        if "answers" in output:
            same = "as in" if output["answers_equal_to_clear"] else "NOT as in"
            missing = sum(one is None for one in output["answers"])
            right = f"; {missing} of rows that the second hospital lacks" if missing else ""
            if output.get("accuracy") is not None:
                right += f"; accuracy {out_of(output['accuracy'], output['queries'] - missing)}"
            if output.get("root_mean_square_error") is not None:
                right += f"; root mean square error {output['root_mean_square_error']:.4g}"
            yield f"{plural(output['queries'], 'answer')}, {same} the clear{right}"


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
