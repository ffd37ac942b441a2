from benchmarks import compare


def results(**seconds):
    calibration = seconds.pop("calibration", 0.01)
    return {
        "benchmarks": [
            {
                "name": name,
                "stats": {"median": median},
                "extra_info": {"calibration_s": calibration, "memory_above_imports_mb": 50},
            }
            for name, median in seconds.items()
        ]
    }


def test_a_benchmark_beyond_the_factor_fails_loudly():
    base = compare.make_base(results(relu=0.1, mul=0.1))
    text, well = compare.report(results(relu=0.1, mul=0.1 * compare.FACTOR * 1.01), base)
    assert not well
    assert "SLOWER" in text
    assert [line.split()[0] for line in text.splitlines() if "SLOWER than" in line] == ["mul"]


def test_one_within_the_factor_passes():
    base = compare.make_base(results(relu=0.1))
    assert compare.report(results(relu=0.1 * compare.FACTOR * 0.99), base)[1]


def test_a_slower_machine_cancels_out():
    base = compare.make_base(results(relu=0.1, calibration=0.01))
    assert compare.report(results(relu=0.5, calibration=0.05), base)[1]
    assert not compare.report(results(relu=0.5, calibration=0.01), base)[1]


def test_a_missed_bar_fails_whatever_the_base_says():
    slow = results(**{"test_matmul[512]": 1.0, "test_matmul_numpy_512": 2.0})
    text, well = compare.report(slow, compare.make_base(slow))
    assert not well
    assert "MISSED" in text


def test_seconds_of_a_bar_are_those_of_the_machine_of_the_base():
    there = results(test_help=0.2, calibration=0.01)
    here = results(test_help=0.5, calibration=0.025)
    assert all(bar.met for bar in compare.bars(here, compare.calibration(there)))


def test_a_part_of_the_benchmarks_keeps_the_rest_of_the_base():
    base = compare.make_base(results(relu=0.1, mul=0.2))
    assert compare.make_base(results(relu=0.3), base)["ratios"] == {"mul": 20.0, "relu": 30.0}


def test_memory_that_grows_with_the_images_misses_its_bar():
    shell = {f"test_flagship_from_the_shell[{images}]": 0.1 for images in (1, 32, 128)}
    found = results(**shell)
    assert all(bar.met for bar in compare.bars(found, 0.01))
    found["benchmarks"][2]["extra_info"]["memory_above_imports_mb"] = 200
    missed = [bar for bar in compare.bars(found, 0.01) if not bar.met]
    assert [(bar.value, bar.limit) for bar in missed] == [(4, 2)]
