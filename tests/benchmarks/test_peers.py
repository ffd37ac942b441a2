import sys

import numpy as np
import pytest

from benchmarks.peers import environments, mp_spdz, ours, table
from benchmarks.peers.workers import jobs

LOG = """Using security parameter 40
Communication details (rounds in parallel threads counted double):
Passing around 9.5 MB in 6000 rounds, taking 0.4 seconds
CPU time = 0.41 (overall core time)
The following benchmarks are including preprocessing (offline phase).
Time = 0.712 seconds 
Time1 = 0.5 seconds (9.25 MB, 6100 rounds)
Time2 = 1e-05 seconds
Data sent = 9.81 MB in ~6580 rounds (party {party} only; rounds counted double due to multi-threading)
Global data sent = 29.4 MB (all parties)
Command line: ./replicated-ring-party.x 0 -v network
"""  # noqa: W291


def test_a_log_of_mp_spdz_is_read():
    log = mp_spdz.parse(LOG.format(party=0))
    assert (log.seconds, log.cpu_s, log.party) == (0.712, 0.41, 0)
    assert (log.megabytes, log.rounds, log.global_megabytes) == (9.81, 6580, 29.4)
    assert log.timers == (mp_spdz.Timer(1, 0.5, 9.25, 6100), mp_spdz.Timer(2, 1e-05, None, None))


def test_processor_time_is_the_sum_over_the_parties():
    logs = [mp_spdz.parse(LOG.format(party=party)) for party in range(3)]
    assert mp_spdz.processor_time(logs) == pytest.approx(1.23)


def test_without_v_there_is_no_processor_time():
    quiet = (
        "Time = 2 seconds \nData sent = 1.5 MB in ~10 rounds (party 0 only; use '-v' for more details)\n"
    )
    assert mp_spdz.processor_time([mp_spdz.parse(quiet)]) is None


def test_two_logs_of_one_party_are_refused():
    with pytest.raises(ValueError, match="one log a party"):
        mp_spdz.processor_time([mp_spdz.parse(LOG.format(party=0))] * 2)


@pytest.mark.parametrize("missing", ["Time = ", "Data sent"])
def test_the_log_of_a_run_that_did_not_end_is_refused(missing):
    lines = [line for line in LOG.format(party=0).splitlines() if not line.startswith(missing)]
    with pytest.raises(ValueError, match="finished"):
        mp_spdz.parse("\n".join(lines))


def test_the_table_divides_ours_by_theirs():
    rows = [table.Result("relu", table.OURS, 0.1), table.Result("relu", "SPU", 2.0, 1.0, 1e-5)]
    assert table.render(rows).splitlines()[-1].endswith("| 0.050 |")


@pytest.mark.parametrize("name", ["relu_1k", "multiply_1k", "thin_1"])
def test_our_side_of_a_job_gives_the_right_result(name):
    job = jobs.JOBS[name]
    run = ours.prepare(job)
    assert np.abs(np.asarray(run()) - job.want()).max() < 2e-3


def test_an_interpreter_behind_a_shim_of_pyenv_is_found(tmp_path, monkeypatch):
    shim = tmp_path / "python3.99"
    shim.write_text(f'#!/bin/sh\n[ "$PYENV_VERSION" = 3.99 ] || exit 127\nexec "{sys.executable}" "$@"\n')
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.delenv("PYENV_VERSION", raising=False)
    peer = environments.Peer("nobody", (), (98, 99), "nobody.py", {})
    assert peer._base() == sys.executable
    shim.write_text("#!/bin/sh\nexit 1\n")
    assert peer._base() is None
    assert peer.install(tmp_path) == "needs Python 3.98 or 3.99, which is not on the PATH"
