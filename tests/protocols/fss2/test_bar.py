"""The flagship within its bars, in both forms; what is dealt is kept and taken as in `dealer2`."""

import pytest
from compared import FORMS, shipped

from mpcsim import InputError

BARS = {"key": (140e6, 35), "spline": (None, 22)}
"""Megabytes in all, rounds online."""


@pytest.mark.parametrize("form", FORMS)
def test_the_flagship_takes_few_rounds(form):
    found, run = shipped("pomic_inference", f"protocol.form={form}", "engine.trace=false")
    size, rounds = BARS[form]
    assert size is None or run.payload_bytes <= size
    assert run.phases["online"].rounds <= rounds
    assert found["max_logit_error_float"] <= 2.0**-8
    assert found["predictions"] == found["clear_predictions"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("op", ["relu", "maxpool", "div"])
def test_a_run_takes_the_keys_that_another_kept(op, form, tmp_path):
    folder = tmp_path / "dealt"
    chosen = [f"workload.op={op}", "workload.size=9", f"protocol.form={form}"]
    kept, _ = shipped("microbench", *chosen, f"protocol.keep={folder}", "dry_run=true")
    usual, _ = shipped("microbench", *chosen)
    found, run = shipped("microbench", *chosen, f"protocol.stored={folder}")
    assert kept["payload_bytes"] == usual["payload_bytes"]
    assert found["payload_bytes"] == usual["payload_bytes"] - usual["payload_bytes_per_party"][2]
    assert found["rounds"] == usual["rounds"]
    assert found["max_error"] == usual["max_error"]
    sizes = [(folder / f"server{i}.dealt").stat().st_size for i in (0, 1)]
    read = run.observed["stored bytes"].values()
    assert sorted(size for one in read for size in one) == sorted(sizes)
    assert sum(sizes) > usual["payload_bytes_per_party"][2]
    with pytest.raises(InputError, match="has been used by a run; accepted: each once"):
        shipped("microbench", *chosen, f"protocol.stored={folder}")


def test_keys_of_the_other_form_are_refused(tmp_path):
    folder = tmp_path / "dealt"
    shipped("microbench", "workload.op=relu", f"protocol.keep={folder}", "dry_run=true")
    with pytest.raises(InputError, match=r"protocol.form = 'spline' \(dealt for 'key'\)"):
        shipped("microbench", "workload.op=relu", "protocol.form=spline", f"protocol.stored={folder}")


def test_a_form_that_is_none_is_refused_with_what_is_accepted():
    with pytest.raises(InputError, match=r"protocol\.form: found 'table'; accepted: 'key' or 'spline'"):
        shipped("microbench", "protocol.form=table")
