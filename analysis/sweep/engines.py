"""Where the points of a sweep are computed: processes of this machine, or workers of a Dask cluster.

Each worker process imports mpcsim once and is used again for further points.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Any, Protocol, Self

from joblib.externals.loky import get_reusable_executor

from analysis.point import UNFINISHED, Outcome
from analysis.scratch import OWNER, clear, clear_abandoned
from mpcsim import InputError, RunError

_DIED = "the worker process died (out of memory, or killed) while it ran this point"
_LOOK_S = 1.0  # how often a cluster that gives no results is looked at
_CONNECT_S = 5
_PATIENCE_S = 15.0  # how long a cluster may be without a worker


def _serve(sweep: int) -> None:
    """Make this a worker process: Ctrl-C is the sweep's to see to, and it ends when the sweep is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == sweep:
            time.sleep(_LOOK_S)
        clear(sweep)
        os._exit(UNFINISHED)  # the sweep was killed: nobody waits for this point

    threading.Thread(target=watch, name="mpcsim-worker-watch", daemon=True).start()


class Engine(Protocol):
    """Where functions run. A context manager: leaving it ends what it started."""

    @property
    def width(self) -> int:
        """How many tasks to hand over before the first result."""

    def submit(self, function: Callable[..., Outcome], *arguments: Any) -> Future[Outcome]:
        """Start a function."""

    def blame(self, error: BaseException) -> bool | None:
        """Say who failed when a future gives an error.

        True: a worker died of this very task. False: a worker died, perhaps of another task. None: the
        engine itself failed.
        """

    def check(self) -> None:
        """Look whether results can still come.

        Raises:
            RunError: none can.
        """

    def __enter__(self) -> Self:
        """Start."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what was started."""


class LocalEngine:
    """Processes of this machine (joblib's loky), which are replaced when one dies."""

    def __init__(self, jobs: int | None = None) -> None:
        available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        self.jobs = jobs or available or 1
        threads = str(max(1, (available or 1) // self.jobs))
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
        self._environment = dict.fromkeys(names, threads) | {OWNER: str(os.getpid())}
        self._pool: Any = None

    @property
    def width(self) -> int:
        """Two tasks for each process, so that none waits for this one."""
        return 2 * self.jobs

    def submit(self, function: Callable[..., Outcome], *arguments: Any) -> Future[Outcome]:
        """Start a function in some process."""
        while True:
            try:
                self._pool = get_reusable_executor(
                    max_workers=self.jobs,
                    env=self._environment,
                    initializer=_serve,
                    initargs=(os.getpid(),),
                )
                future: Future[Outcome] = self._pool.submit(function, *arguments)
                return future
            except BrokenProcessPool:
                continue  # a process died since the last look: the next pool is a new one

    def blame(self, error: BaseException) -> bool | None:
        """Say nothing of which task broke the pool, unless it had just one."""
        return self.width == 1 if isinstance(error, BrokenProcessPool) else None

    def check(self) -> None:
        """Do nothing: a dead process shows as an error of its future."""

    def __enter__(self) -> Self:
        clear_abandoned()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, kill_workers=error is not None)
        clear(os.getpid())


class _Alone(LocalEngine):
    """One process and one task at a time: if it dies, that task was the reason."""

    def __init__(self) -> None:
        super().__init__(1)

    @property
    def width(self) -> int:
        return 1


class DaskEngine:
    """Workers of a Dask cluster.

    Args:
        address: of its scheduler, as in "tcp://10.0.0.1:8786".

    Raises:
        InputError: Dask is not installed, or nothing answers there.
        RunError: the cluster has no workers.
    """

    width = 512

    def __init__(self, address: str) -> None:
        try:
            import distributed
        except ImportError:
            raise InputError("--engine dask: needs Dask: pip install 'mpcsim[cluster]'") from None
        for name in ("distributed", "distributed.client", "tornado", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._address = address
        try:
            connect: Any = distributed.Client  # it has no types
            self._client = connect(address, timeout=_CONNECT_S, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise InputError(
                f"--scheduler {address}: no Dask scheduler answers there "
                f"({' '.join(str(error).split()) or type(error).__name__})"
            ) from None
        try:
            self._client.wait_for_workers(1, timeout=_CONNECT_S)
        except TimeoutError:
            self._close()
            raise RunError(f"--scheduler {address}: the cluster has no workers") from None
        self._killed: type[BaseException] = distributed.KilledWorker
        self._pool = self._client.get_executor(pure=False)
        self._seen = time.monotonic()

    def submit(self, function: Callable[..., Outcome], *arguments: Any) -> Future[Outcome]:
        """Start a function on some worker."""
        self._seen = time.monotonic()
        future: Future[Outcome] = self._pool.submit(function, *arguments)
        return future

    def blame(self, error: BaseException) -> bool | None:
        """Dask tries a task on several workers before it gives it up: the task is the reason."""
        return True if isinstance(error, self._killed) else None

    def check(self) -> None:
        """Look whether the scheduler is there and has workers."""
        try:
            status, workers = self._client.status, len(self._client.scheduler_info(-1)["workers"])
        except (OSError, ValueError, RuntimeError) as error:
            status, workers = f"lost ({error})", 0
        if status != "running":
            raise RunError(f"the Dask scheduler at {self._address} is gone")
        if workers:
            self._seen = time.monotonic()
        elif time.monotonic() - self._seen > _PATIENCE_S:
            raise RunError(f"the Dask cluster at {self._address} has had no worker for {_PATIENCE_S:.0f} s")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        with contextlib.suppress(Exception):  # the cluster may be gone, and we are done with it
            self._client.close(timeout=2)


def choose(engine: str, scheduler: str | None, jobs: int | None) -> Callable[[], Engine]:
    """Return what makes the engine of that name.

    Raises:
        InputError: an unknown name, or arguments that do not go with it.
    """
    if engine == "local":
        if scheduler is not None:
            raise InputError("--scheduler: goes with --engine dask")
        return lambda: LocalEngine(jobs)
    if engine != "dask":
        raise InputError(f"--engine: found {engine!r}; accepted: local, dask")
    if scheduler is None:
        raise InputError("--engine dask: needs --scheduler ADDRESS, as in tcp://10.0.0.1:8786")
    address = scheduler
    return lambda: DaskEngine(address)


def compute(
    engine: Engine, function: Callable[..., Outcome], tasks: Mapping[str, tuple[Any, ...]]
) -> Generator[tuple[str, Outcome, bool], None, None]:
    """Yield (key, outcome, whether the task ran to its end) in the order in which tasks finish.

    A task that was at hand when a worker died is tried again, at the end and alone.

    Raises:
        RunError: the engine failed.
    """
    again: dict[str, tuple[Any, ...]] = {}
    waiting = deque(tasks.items())
    pending: dict[Future[Outcome], str] = {}
    while waiting or pending:
        while waiting and len(pending) < engine.width:
            key, arguments = waiting.popleft()
            pending[engine.submit(function, *arguments)] = key
        done, _ = wait(pending, timeout=_LOOK_S, return_when=FIRST_COMPLETED)
        if not done:
            engine.check()
        for future in done:
            key = pending.pop(future)
            try:
                yield key, future.result(), True
            except (Exception, CancelledError) as error:  # whose fault it is, the engine says
                blame = engine.blame(error)
                if blame is None:
                    engine.check()
                    raise RunError(f"the engine failed: {type(error).__name__}: {error}") from error
                if blame:
                    yield key, Outcome(error=_DIED, exit_status=UNFINISHED), False
                else:
                    again[key] = tasks[key]
    if again:
        with _Alone() as alone:
            yield from compute(alone, function, again)
