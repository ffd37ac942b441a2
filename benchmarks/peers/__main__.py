"""Run the peers' jobs: ``python -m benchmarks.peers --folder DIR [--peers …] [--jobs …] [--json FILE]``.

Each system runs each job in a fresh process, ours first and once more at the end of the job, so that a
change in the machine's speed shows. Processor time is user + system over all processes of a system, of
the job alone, from the second repetition on.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.peers import mp_spdz, table
from benchmarks.peers.environments import PEERS, WORKERS, Peer, selected
from benchmarks.peers.workers.jobs import JOBS

ROOT = Path(__file__).parents[2]


def main() -> None:
    """Install what is missing, run, print the table."""
    arguments = _arguments()
    names = [peer.name.lower() for peer in PEERS]
    chosen = [name.lower() for name in arguments.peers or names]
    if unknown := set(chosen) - set(names):
        raise SystemExit(f"unknown peers {', '.join(sorted(unknown))}; known: {', '.join(names)}")
    logs = dict(_logs(entry) for entry in arguments.mp_spdz)
    if arguments.jobs is None and logs:
        selected(list(logs))
    folder = arguments.folder.resolve()
    if folder.is_relative_to(ROOT):
        raise SystemExit(f"--folder {folder}: choose a folder outside the project, it takes gigabytes")
    peers: list[tuple[Peer, str | None]] = []
    for peer in PEERS:
        if peer.name.lower() in chosen:
            print(f"installing {peer.name} ({', '.join(peer.packages)})", file=sys.stderr)
            peers.append((peer, peer.install(folder)))
    results = []
    for job in selected(arguments.jobs):
        results += _run_job(job, peers, folder, arguments.repeats, arguments.timeout)
        results += [logs[job]] if job in logs else []
        print(table.render(results), file=sys.stderr, end="\n\n")
    print(table.render(results))
    for peer, _ in peers:
        print(f"\n{peer.name} {peer.packages[0].split('==')[-1]}: {peer.note}")
    if arguments.json:
        arguments.json.write_text(json.dumps(table.as_rows(results), indent=1) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="where the environments are or go")
    parser.add_argument("--peers", nargs="+", help=", ".join(peer.name for peer in PEERS))
    parser.add_argument("--jobs", nargs="+", help=", ".join(JOBS))
    parser.add_argument("--repeats", type=int, default=3, help="repetitions that count (3)")
    parser.add_argument("--timeout", type=float, default=300, help="seconds for one job (300)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there, too")
    parser.add_argument(
        "--mp-spdz", nargs="+", default=[], metavar="JOB=LOG,…", help="logs of its parties, run with -v"
    )
    return parser.parse_args()


def _logs(entry: str) -> tuple[str, table.Result]:
    """Return a job and MP-SPDZ's result from its parties' logs."""
    job, _, files = entry.partition("=")
    try:
        logs = [mp_spdz.parse(Path(file).read_text(encoding="utf-8")) for file in files.split(",")]
        cpu = mp_spdz.processor_time(logs)
    except (OSError, ValueError) as error:
        raise SystemExit(f"--mp-spdz {entry}: {error}") from None
    wall = max(log.seconds for log in logs)
    problem = None if cpu is not None else f"no processor time (run with -v); wall {wall:.3g} s"
    return job, table.Result(job, "MP-SPDZ", cpu, wall, problem=problem)


def _run_job(
    job: str, peers: list[tuple[Peer, str | None]], folder: Path, repeats: int, timeout: float
) -> list[table.Result]:
    """Return the job's results: ours, measured before and after the peers, then theirs."""
    own = [sys.executable, "-m", "benchmarks.peers.ours"]
    before = _worker(own, job, repeats, timeout)
    theirs = []
    for peer, problem in peers:
        if not peer.can(JOBS[job]):
            continue
        found: dict[str, Any] | str = problem or ""
        if problem is None:
            command = [str(peer.interpreter(folder)), "-W", "ignore", str(WORKERS / peer.worker)]
            found = _worker(command, job, repeats, timeout)
        theirs.append(_result(job, peer.name, [found]))
    after = _worker(own, job, repeats, timeout) if theirs else before
    return [_result(job, table.OURS, [before, after]), *theirs]


def _result(job: str, system: str, runs: list[dict[str, Any] | str]) -> table.Result:
    for run in runs:
        if isinstance(run, str):
            return table.Result(job, system, problem=run)
    return table.result(job, system, [run for run in runs if not isinstance(run, str)])


def _worker(command: list[str], job: str, repeats: int, timeout: float) -> dict[str, Any] | str:
    """Return what a worker measured, or why it did not."""
    print(f"{job}: {Path(command[-1]).stem}", file=sys.stderr)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    worker = subprocess.Popen(
        [*command, job, str(repeats)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that its own processes end with it
    )
    try:
        output, complaints = worker.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        return f"more than {timeout:.0f} s"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if worker.returncode or not lines:
        return f"failed: {(complaints.strip().splitlines() or ['no output'])[-1][:120]}"
    measured: dict[str, Any] = json.loads(lines[-1])
    return measured


if __name__ == "__main__":
    main()
