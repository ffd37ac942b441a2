"""Each peer's environment: what it is made of, and making it."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.peers.workers.jobs import JOBS, Job

WORKERS = Path(__file__).parent / "workers"


@dataclass(frozen=True)
class Peer:
    """A system to run beside ours.

    Attributes:
        name: its name in the table.
        packages: what pip installs, pinned where newer releases do not work together.
        pythons: minor versions of Python 3 that its packages run on, best first.
        worker: its script in `workers/`.
        kinds: the jobs it can do, as the largest size of each kind that ends in reasonable time.
        environment: variables that installing needs.
        note: how it is configured.
    """

    name: str
    packages: tuple[str, ...]
    pythons: tuple[int, ...]
    worker: str
    kinds: dict[str, int]
    environment: dict[str, str] = field(default_factory=dict)
    note: str = ""

    def can(self, job: Job) -> bool:
        """Return whether this peer runs the job."""
        return job.size <= self.kinds.get(f"{job.kind}/{job.network}" if job.network else job.kind, 0)

    def interpreter(self, folder: Path) -> Path:
        """Return the Python of this peer's environment, which need not exist yet."""
        return folder / self.name.lower().replace(" ", "-") / "bin" / "python"

    def install(self, folder: Path) -> str | None:
        """Make the environment where it is missing; return what went wrong, if anything did."""
        interpreter = self.interpreter(folder)
        done = interpreter.parent.parent / "installed"
        if done.exists():
            return None
        base = self._base()
        if base is None:
            wanted = " or ".join(f"3.{minor}" for minor in self.pythons)
            return f"needs Python {wanted}, which is not on the PATH"
        shutil.rmtree(interpreter.parent.parent, ignore_errors=True)
        environment = os.environ | self.environment
        for command in (
            [base, "-m", "venv", str(interpreter.parent.parent)],
            [str(interpreter), "-m", "pip", "install", "--quiet", *self.packages],
        ):
            made = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if made.returncode:
                lines = [line for line in made.stderr.splitlines() if "error" in line.lower()]
                return f"does not install here: {' '.join(lines[-2:]) or made.stderr[-300:]}"
        done.touch()
        return None

    def _base(self) -> str | None:
        """Return an interpreter of a version that this peer's packages accept."""
        return next(filter(None, map(_interpreter, self.pythons)), None)


def _interpreter(minor: int) -> str | None:
    """Return the Python 3.`minor` on the PATH that can make environments, or None.

    A shim of pyenv refuses to run a version that is installed but not chosen, so it is asked for it, too.
    """
    found = shutil.which(f"python3.{minor}")
    for choice in ({}, {"PYENV_VERSION": f"3.{minor}"}) if found else ():
        probe = subprocess.run(
            [str(found), "-c", "import ensurepip, venv, sys; print(sys.executable)"],
            env=os.environ | choice,
            capture_output=True,
            text=True,
            check=False,
        )
        if probe.returncode == 0:
            return probe.stdout.strip()
    return None


_ALL = {"relu": 10**6, "multiply": 10**6, "matmul": 512, "inference/thin": 1, "inference/flagship": 1}

PEERS = (
    Peer(
        "SPU",
        ("spu==0.9.5",),
        (11, 10),
        "spu_worker.py",
        _ALL | {"training/thin": 32},
        note="ABY3, 64-bit ring, in-memory simulator, compilation left out",
    ),
    Peer(
        "CrypTen",
        ("crypten==0.4.1", "torch==1.13.1", "torchvision==0.14.1", "numpy<2"),
        (10, 9),
        "crypten_worker.py",
        _ALL,
        # CrypTen depends on a package of an old name, which refuses to install without this.
        {"SKLEARN_ALLOW_DEPRECATED_SKLEARN_PACKAGE_INSTALL": "True"},
        note="three processes on loopback, trusted first party",
    ),
    Peer(
        "TF Encrypted",
        # Its compiled operations are for one release of TensorFlow.
        ("tf-encrypted==0.9.1", "tensorflow==2.9.1", "onnx==1.12.0", "protobuf==3.19.6", "numpy<1.24"),
        (10, 9, 8),
        "tf_encrypted_worker.py",
        _ALL,
        note="ABY3, local, traced once as a TensorFlow function",
    ),
    Peer(
        "MPyC",
        ("mpyc==0.11", "numpy", "gmpy2"),  # gmpy2: its own advice, a third of the processor time
        (11, 12),
        "mpyc_worker.py",
        {"relu": 1_000, "multiply": 100_000, "matmul": 128, "inference/thin": 1},
        note="three processes on loopback, Shamir shares, 32-bit fixed point",
    ),
)


def selected(names: list[str] | None) -> list[str]:
    """Return the jobs of these names, or all of them."""
    unknown = set(names or ()) - set(JOBS)
    if unknown:
        raise SystemExit(f"unknown jobs {', '.join(sorted(unknown))}; known: {', '.join(JOBS)}")
    return names or list(JOBS)
