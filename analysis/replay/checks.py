"""Whether a structure can be that of a run: what the engine never writes is a damaged record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mpcsim.paths import in_short

if TYPE_CHECKING:
    from analysis.replay.structure import Structure

_START, _SEND, _SLEEP, _FORK, _END, _STAGE, _SHARED = 0, 1, 3, 4, 5, 8, 9


class Damaged(Exception):
    """What is wrong with the events."""


def check(structure: Structure) -> None:
    """Check a structure before it is replayed.

    Raises:
        Damaged: with what is wrong.
    """
    columns = [*zip(*structure.ops, strict=True), structure.spans, structure.depths, structure.times]
    for column in (*columns, structure.arrivals, structure.payloads):
        if not set(map(type, column)) <= {int}:
            raise Damaged("a number is missing, or is no whole number")
    _check_strands(structure)
    _check_operations(structure)
    _check_spans(structure)


def _check_strands(structure: Structure) -> None:
    """Strands start once, end once, and are forked once, by the parent that they name."""
    kinds = [op[0] for op in structure.ops]
    strands, roots = len(structure.first), len(structure.roles)
    if kinds.count(_START) != strands or kinds.count(_END) != strands:
        raise Damaged("a strand starts or ends twice")
    if structure.parent[:roots] != [-1] * roots or structure.party[:roots] != list(range(roots)):
        raise Damaged("the programs of the parties are not the first strands")
    forked = [-1] * strands
    for position, (kind, _, child, count, _) in enumerate(structure.ops):
        if kind != _FORK:
            continue
        strand = structure.strands[position]
        if count < 1 or child < 0 or child + count > strands:
            raise Damaged(f"strand {strand} forks strands that are not there")
        for one in range(child, child + count):
            if forked[one] >= 0 or structure.party[one] != structure.party[strand]:
                raise Damaged(f"strand {one} is forked twice, or by another party")
            forked[one] = strand
    if forked != structure.parent:
        raise Damaged("strands and forks do not fit together")


def _check_operations(structure: Structure) -> None:
    parties = len(structure.roles)
    eldest = {x for kind, _, x, _, _ in structure.ops if kind == _FORK}
    for position, (kind, _, x, y, _) in enumerate(structure.ops):
        if kind == _SLEEP and x < 0:
            raise Damaged(f"a sleep of {x} ns")
        if kind == _SEND and (y < 0 or not 0 <= x < parties or x == structure.party_of(position)):
            raise Damaged(f"a message of {y} bytes to party {x}")
        if kind == _END and x not in (0, 1):
            raise Damaged(f"a strand that ends with {x}")
        if kind == _SHARED:
            before = structure.ops[position - 1][0]
            if before not in (_FORK, _SHARED) or not isinstance(structure.shared.get(x), str):
                raise Damaged("something is shared where nothing was forked")
        if kind == _STAGE:
            _check_stage(structure, structure.strands[position], y, eldest)


def _check_stage(structure: Structure, strand: int, free: int, eldest: set[int]) -> None:
    """Refuse a stage that is not left by the sibling just before, where there is one in its gather."""
    before = -1 if strand in eldest else strand - 1
    if structure.parent[strand] < 0 or (structure.strands[free] if free >= 0 else -1) != before:
        raise Damaged(f"strand {strand} enters a stage that no sibling before it leaves")


def _check_spans(structure: Structure) -> None:
    for number, one in enumerate(structure.occurrences):
        if len(one.enters) != len(one.leaves) or (number and not one.enters):
            raise Damaged(f"span {in_short(one.path)} is entered and left different numbers of times")
        if one.parent > number or (number and one.parent == number):
            raise Damaged(f"span {in_short(one.path)} is inside a later one")
        if number and one.path[:-1] != structure.occurrences[one.parent].path:
            raise Damaged(f"span {in_short(one.path)} is inside another span than its path says")
