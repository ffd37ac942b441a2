"""Runs over real TCP: players in namespaces, told when to start."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from analysis.replay import Structure
from benchmarks.fidelity.namespaces import Namespaces

_AHEAD = 30_000_000  # ns: when a run is told to start, before it starts
_SETTLE = 0.3  # seconds after a handshake, beyond two round trips


class Rig:
    """Namespaces, and a player in each."""

    def __init__(self, parties: int) -> None:
        self.space = Namespaces(parties)
        self._latency = 0
        self._folder = tempfile.TemporaryDirectory()
        self._players: list[subprocess.Popen[str]] = []
        try:
            for party in range(parties):
                command = self.space.enter(party, [sys.executable, "-m", "benchmarks.fidelity.player"])
                self._players.append(
                    subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
                )
            for party in range(parties):
                self._tell(party, do="be", party=party, addresses=self.space.addresses)
            self._hear()
        except BaseException:  # whatever ended it, what was started ends
            self.close()
            raise

    def __enter__(self) -> Rig:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def _tell(self, player: int, **order: Any) -> None:
        pipe = self._players[player].stdin
        assert pipe is not None
        pipe.write(json.dumps(order) + "\n")
        pipe.flush()

    def _hear(self) -> list[Any]:
        answers = []
        for player in self._players:
            assert player.stdout is not None
            line = player.stdout.readline()
            if not line:
                raise RuntimeError("a player ended")
            answers.append(json.loads(line))
        return answers

    def all(self, **order: Any) -> list[Any]:
        """Tell all players the same; return their answers."""
        for party in range(len(self._players)):
            self._tell(party, **order)
        return self._hear()

    def shape(self, latency_ns: int, bits_per_second: int) -> None:
        """Set the network."""
        self._latency = latency_ns
        self.space.shape(latency_ns, bits_per_second)

    def load(self, name: str, structure: Structure) -> None:
        """Give every player a structure."""
        path = Path(self._folder.name) / name
        path.write_bytes(pickle.dumps(structure))
        self.all(do="load", name=name, path=str(path))

    def connect(self) -> None:
        """Open new connections, and wait until their handshakes are over."""
        self.all(do="listen")
        self.all(do="connect")
        time.sleep(_SETTLE + 4 * self._latency / 1e9)

    def open_windows(self, products: int) -> None:
        """Send so many bandwidth-delay products over each connection, in both directions."""
        product = self.space.rate * 2 * self._latency // (8 * 10**9)
        self.all(do="open_windows", size=max(products * product, 10**6))

    def play(self, name: str) -> float:
        """Play a structure on the connections that there are; return seconds until the last party's end."""
        ends = self.all(do="play", name=name, start=time.monotonic_ns() + _AHEAD)
        return float(max(ends)) / 1e9

    def close(self) -> None:
        """End all players and take the namespaces down."""
        for player in self._players:
            if player.stdin is not None:
                player.stdin.close()
        for player in self._players:
            try:
                player.wait(2)
            except subprocess.TimeoutExpired:
                player.kill()
                player.wait()
            if player.stdout is not None:
                player.stdout.close()
        self.space.close()
        self._folder.cleanup()
