"""Parties on sockets in threads of this process, so that a test takes a moment; and a peer by hand."""

import gc
import socket
import threading
import time
from types import SimpleNamespace

import pytest

from mpcsim.errors import MpcsimError
from mpcsim.scenario import Program, load_scenario
from mpcsim.sockets import Hosts, Limits, Options, run_party
from mpcsim.sockets.merging import merged
from mpcsim.sockets.wire import Hello, certificates, scenario_digest
from mpcsim.sockets.wire.frames import HELLO, READY, START, Control, control
from mpcsim.sockets.wire.link import Link

LENIENT = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""Threads of parties that ended early may still hold a connection that nobody wants."""

LIMITS = Limits(wait=3.0, silence=1.0, collect=0.0, queue=1 << 20)


class Group:
    """A scenario of a program that every party runs, with addresses, and what became of its parties."""

    def __init__(
        self, folder, program, parties=3, *, limits=LIMITS, tls=False, reproducible=False, engine=""
    ):
        file = folder / "scenario.toml"
        file.write_text(f'name = "group"\nworkload = "by hand"\nseed = 5\n[engine]\n{engine}')
        self.scenario = load_scenario(file)
        self.roles = [f"party{id}" for id in range(parties)]
        programs = program if isinstance(program, dict) else dict.fromkeys(self.roles, program)
        self.roles = list(programs)
        self.program = Program(programs, summarize=lambda run: {})
        self.listeners = {role: socket.create_server(("127.0.0.1", 0)) for role in self.roles}
        parties = {role: one.getsockname() for role, one in self.listeners.items()}
        if tls:
            certificates.make(folder / "certificates", self.roles)
        self.hosts = Hosts(parties, limits, folder / "certificates")
        self.options = Options(plaintext=not tls, reproducible=reproducible, open=True)
        self.parts, self.errors, self.took, self._threads = {}, {}, {}, []
        self._by_hand = []

    def start(self, *roles):
        for role in roles or self.roles:
            thread = threading.Thread(target=self._run, args=(role,), daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def _run(self, role):
        before = time.monotonic()
        try:
            self.parts[role] = run_party(
                self.scenario, self.program, role, self.hosts, self.options, self.listeners[role]
            )
        except MpcsimError as error:
            self.errors[role] = error
        finally:
            self.took[role] = time.monotonic() - before

    def join(self, seconds=20):
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0))
        assert not any(thread.is_alive() for thread in self._threads), "a party hangs"
        for stream in (*self.listeners.values(), *self._by_hand):
            stream.close()
        return self

    def merged(self):
        assert not self.errors, self.errors
        parts = {self.roles.index(role): part for role, part in self.parts.items()}
        return merged(parts, self.roles, self.scenario, {}, 0.0)

    def hello(self, role, to, other):
        said = Hello(role, to, scenario_digest(self.scenario), len(self.roles), self.options.reproducible)
        return said.said() | (other or {})

    def dial(self, to):
        return socket.create_connection(self.hosts.parties[to])

    def pretend(self, role, to, other=None):
        """Connect as a role to a party before it, and say hello."""
        link = Link(self.dial(to), to, self.roles.index(to), 1 << 20)
        self._by_hand.append(link)
        link.put([control(HELLO, self.hello(role, to, other))])
        return link


def barrier(link):
    """Say ready, answer as often as is asked, and return when the start came."""
    link.put([control(READY)])
    while True:
        frame = link.await_frame(time.monotonic() + 5)
        if isinstance(frame, Control) and frame.kind == START:
            return SimpleNamespace(start=frame.said)
        if isinstance(frame, Control) and frame.kind == 4:  # ping
            link.put([control(5, time.perf_counter_ns())])


@pytest.fixture(scope="module")
def settled():
    """Wait, after a module's tests, for what their parties left, so that no later test hears of it."""
    yield
    until = time.monotonic() + 2 * LIMITS.wait
    left = [one for one in threading.enumerate() if "(reach)" in one.name or "(_greet)" in one.name]
    for thread in [*left, *(one for one in threading.enumerate() if one.name.startswith("mpcsim-"))]:
        thread.join(max(until - time.monotonic(), 0))
    gc.collect()
