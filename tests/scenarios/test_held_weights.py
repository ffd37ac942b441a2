"""Weights of an inference are held as they arrived, and made values where their layer reads them."""

import tracemalloc

import numpy as np
import tomli_w

import scenarios
from mpcsim.scenario import load_scenario, workload
from scenarios.networks import ModelSettings, weights

LAYERS = [{"type": "dense", "units": 400, "activation": "relu"} for _ in range(8)]
LAYERS.append({"type": "dense", "units": 4})


def _run(folder, count, **batches):
    model = {"input": [20, 20, 1], "layers": LAYERS, "weights": "weights.npz"}
    declared = ModelSettings.model_validate(model)
    weights.save(folder / "weights.npz", declared, weights.initial(declared, 1), "float16")
    data = {"source": "random", "size": 20, "count": count}
    tables = {"workload": "private_inference", "seed": 1, "data": data, "model": model} | batches
    (folder / "wide.toml").write_text(tomli_w.dumps(tables))
    scenario = load_scenario(str(folder / "wide.toml"), [], None, ())
    tracemalloc.start()
    try:
        program = workload.build_program(scenario, scenarios.WORKLOADS)
        run = workload.run_program(program, scenario)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    words = 8 * sum(int(np.prod(shape)) for shape in weights.expected(declared).values())
    return program.summarize(run), peak / words


def test_a_run_takes_little_more_than_one_copy_of_its_weights(tmp_path):
    output, copies = _run(tmp_path, 1)
    assert copies < 2.5  # six of shares alone, were they values
    assert output["fixed_agreement"] == 1


def test_batches_share_weights_that_are_values(tmp_path):
    one, _ = _run(tmp_path, 2)
    two, copies = _run(tmp_path, 2, inference={"batch": 1})
    assert two["predictions"] == one["predictions"]
    assert copies > 5


def test_weights_in_the_precision_of_their_file_are_the_same_numbers(tmp_path):
    _run(tmp_path, 1)
    model = ModelSettings.model_validate({"input": [20, 20, 1], "layers": LAYERS})
    wide, narrow = (weights.load(tmp_path / "weights.npz", model, narrow=way) for way in (False, True))
    assert {values.dtype for values in narrow.values()} == {np.dtype("float16")}
    assert all(np.array_equal(narrow[name], wide[name]) for name in wide)
