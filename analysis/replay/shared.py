"""What concurrent sub-protocols share besides messages: a replay is right where they keep the run's order.

Between two operations of a strand runs code of its party. What a party does is a function of the order in
which these pieces run and of the messages that come in. Where an object that several strands can reach was
changed in the run, their pieces are therefore compared: in the order of the run, the replay does what a run
would do, whatever they share; in another order nobody can know, and the replay is refused by name.
"""

from __future__ import annotations

from collections.abc import Sequence

from analysis.replay.structure import FORK, SHARED, NotRetimable, Structure


class Entangled:
    """The strands of a run that share what one of them changed.

    Attributes:
        tracked: by strand: whether it is one of them.
    """

    def __init__(self, structure: Structure) -> None:
        self._structure = structure
        self._groups = _groups(structure)
        inside = set().union(*self._groups.values())
        self.tracked = [strand in inside for strand in range(len(structure.first))]

    def check(self, pieces: Sequence[int]) -> None:
        """Compare a replay with the run.

        Args:
            pieces: positions of the operations that tracked strands come to in the replay, in order;
                `structure.order` has them as the run had.

        Raises:
            NotRetimable: strands that share something come to their operations in another order.
        """
        strands, order = self._structure.strands, self._structure.order or []
        for number, group in self._groups.items():
            mine = [position for position in pieces if strands[position] in group]
            if mine != [position for position in order if strands[position] in group]:
                raise NotRetimable(f"cannot be retimed: {self._name(number)}")

    def refuse(self) -> None:
        """Refuse a run whose own order cannot be told from its events."""
        raise NotRetimable(f"cannot be retimed: {self._name(next(iter(self._groups)))}")

    def _name(self, number: int) -> str:
        structure = self._structure
        role = structure.roles[structure.party[min(self._groups[number])]]
        name = structure.shared.get(number, "")
        return (
            f"concurrent sub-protocols of {role} share {name!r} and change it; over this network they do "
            "so in another order than in the run, and what they send may depend on that: run it (mpcsim "
            "run, mpcsim sweep --run-every-point), or have them return what they find and share nothing"
        )


def _groups(structure: Structure) -> dict[int, set[int]]:
    """Return, by object, the strands that shared it when it changed: those below some forks."""
    children: dict[int, list[int]] = {}
    for strand, parent in enumerate(structure.parent):
        children.setdefault(parent, []).append(strand)
    groups: dict[int, set[int]] = {}
    for position, (kind, _, number, _, _) in enumerate(structure.ops):
        if kind != SHARED:
            continue
        fork = position
        while structure.ops[fork][0] != FORK:
            fork -= 1
        _, _, first, count, _ = structure.ops[fork]
        todo, group = list(range(first, first + count)), groups.setdefault(number, set())
        while todo:
            strand = todo.pop()
            group.add(strand)
            todo += children.get(strand, ())
    return groups
