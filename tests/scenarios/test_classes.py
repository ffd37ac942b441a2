"""Networks with more outputs than the images have classes, with fewer, and with one."""

import numpy as np
import pytest
import tomli_w

from mpcsim import InputError
from mpcsim.__main__ import main
from mpcsim.scenario import load_scenario, workload
from scenarios import WORKLOADS
from scenarios.data.dataset import class_name
from scenarios.networks import ModelSettings, weights


def write(folder, outputs, classes=2, bias=0, reveal="class"):
    """Write a scenario of six images, and a network that answers `bias` of `outputs`."""
    pixels = np.random.default_rng(1).integers(0, 256, (6, 4, 4)).astype(np.uint8)
    labels = np.arange(6) % classes
    np.savez(folder / "images.npz", test_images=pixels, test_labels=labels)
    model = {"input": [4, 4, 1], "layers": [{"type": "dense", "units": outputs}]}
    settings = ModelSettings.model_validate(model)
    values = weights.initial(settings, 2)
    values["dense1/bias"][bias] = 100.0
    weights.save(folder / "w.npz", settings, values)
    document = {
        "name": "many",
        "workload": "private_inference",
        "seed": 1,
        "data": {"source": "npz", "path": "images.npz", "count": 6},
        "model": model | {"weights": "w.npz"},
        "output": {"reveal": reveal},
    }
    file = folder / "many.toml"
    file.write_text(tomli_w.dumps(document), encoding="utf-8")
    return file


def run(file):
    scenario = load_scenario(file)
    program = workload.build_program(scenario, WORKLOADS)
    output = program.summarize(workload.run_program(program, scenario))
    return output, list(program.render(output))


@pytest.mark.parametrize("outputs", [3, 20, 1000])
@pytest.mark.parametrize("reveal", ["class", "logits"])
def test_a_class_without_a_name_is_written_as_its_number(tmp_path, outputs, reveal):
    output, lines = run(write(tmp_path, outputs, bias=outputs - 1, reveal=reveal))
    assert output["predictions"] == [outputs - 1] * 6
    assert output["classes"] == ["0", "1"]
    assert output["accuracy"] == 0
    assert f"image 1: {outputs - 1} (in the clear: {outputs - 1}; label: 1)" in lines


def test_a_finished_run_of_many_outputs_prints_its_answer(tmp_path, capsys):
    file = write(tmp_path, 1000, bias=717)
    with pytest.raises(SystemExit) as ended:
        main(["run", str(file), "--out", str(tmp_path / "record")])
    assert ended.value.code in (0, None)
    assert "image 0: 717" in capsys.readouterr().out


@pytest.mark.parametrize("index", [-1, 2, 10**9])
def test_no_index_is_outside_the_names(index):
    assert class_name(("a", "b"), index) == str(index)
    assert class_name((), 0) == "0"
    assert class_name(("a", "b"), 1) == "b"


def test_more_classes_than_outputs_are_refused_before_the_run(tmp_path):
    with pytest.raises(InputError, match=r"data: 5 classes \(0, 1, 2, 3, 4\), but the last layer gives 3"):
        run(write(tmp_path, 3, classes=5))


def test_the_class_of_one_output_is_its_sign_and_not_the_largest_of_one(tmp_path):
    with pytest.raises(InputError, match=r"reveal = 'class': .* has one output"):
        run(write(tmp_path, 1))
    output, _ = run(write(tmp_path, 1, reveal="logits"))
    assert output["predictions"] == output["clear_predictions"] == output["fixed_predictions"] == [1] * 6
    assert output["accuracy"] == 0.5
