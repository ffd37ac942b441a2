"""A party's process under `mpcsim run --processes`: python -m mpcsim.sockets.child JOB ROLE DESCRIPTOR."""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path

from mpcsim import log, plugins
from mpcsim.causes import text
from mpcsim.errors import Interrupted, MpcsimError
from mpcsim.scenario import build_program, load_scenario
from mpcsim.sockets.runner import Options, read_job, run_party
from mpcsim.sockets.wire import Hosts, Limits


def main(job_file: str, role: str, descriptor: str) -> int:
    """Run the role; return the exit status, and leave an error where the parent looks for it."""
    log.configure()
    folder = Path(job_file).parent
    job = read_job(Path(job_file))
    try:
        scenario = load_scenario(folder / "scenario.toml")
        hosts = Hosts(
            {name: (host, port) for name, (host, port) in job["parties"].items()},
            Limits(**job["limits"]),
            folder / "certificates",
        )
        options = Options(**job["options"])
        listener = socket.socket(fileno=int(descriptor))
        program = build_program(scenario, plugins.workloads(), [role])
        run_party(scenario, program, role, hosts, options, listener)
    except (MpcsimError, Interrupted) as error:
        notes = list(getattr(error, "__notes__", []))
        said = {
            "kind": type(error).__name__,
            "text": text(error),
            "notes": notes,
            "status": error.exit_status,
        }
        (folder / f"error-{job['roles'].index(role)}.json").write_text(json.dumps(said), encoding="utf-8")
        return error.exit_status
    return 0


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.exit(main(*sys.argv[1:4]))
