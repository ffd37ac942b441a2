"""Training from the files that people have: folders of images, MedMNIST archives, MNIST files."""

import struct
from pathlib import Path

import numpy as np
import pytest
from skimage.io import imsave
from training_runs import CONVOLUTIONS, run, write

from mpcsim import InputError
from scenarios.data import DataSettings, load_split

FOLDER = ("data.source=folder", "data.path=images", "data.train_share=0.7")
SHORT = ("training.epochs=1", "training.twin=fixed", "training.test=3")
NETWORK = CONVOLUTIONS.replace("units = 3", "units = 2")


def image(seed, size=7, bright=0):
    pixels = np.random.default_rng(seed).integers(0, 120, (size, size, 3))
    return (pixels + bright).astype(np.uint8)


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    imsave(path, array, check_contrast=False)


def breakhis(root, count=8):
    """Write BreakHis as it is unpacked: class, kind, tumour, patient, magnification, images."""
    for label, kind in (("benign", "adenosis"), ("malignant", "ductal_carcinoma")):
        for number in range(count):
            for zoom in ("40X", "100X"):
                patient = root / label / "SOB" / kind / f"SOB_B_A_14-{number}" / zoom
                bright = 100 * (label == "benign")
                save(patient / f"SOB-{number}-{zoom[:-1]}-001.png", image(number, 7, bright))


def idc(root, patients=6):
    """Write the IDC set as it is unpacked: patient, class, patches."""
    for number in range(patients):
        for label in ("0", "1"):
            for patch in range(2):
                name = f"{number}_idx5_x{patch}_y1_class{label}.png"
                save(root / str(number) / label / name, image(number + patch, 7, 100 * int(label)))


def test_breakhis_is_read_as_it_lies_on_the_disk_at_one_magnification(tmp_path):
    breakhis(tmp_path / "images")
    table = {"source": "folder", "path": "images", "match": "*/40X/*", "train_share": 0.75}
    settings = DataSettings.model_validate(table)
    train, test = (load_split(settings, split, tmp_path) for split in ("train", "test"))
    assert train.classes == ("benign", "malignant")
    assert (len(train), len(test)) == (12, 4)
    assert np.bincount(train.labels).tolist() == [6, 6]  # the share is that of every class
    seen = {bytes(one) for one in train.images} & {bytes(one) for one in test.images}
    assert not seen


def test_idc_is_read_by_patient_and_no_patient_is_in_both_splits(tmp_path):
    idc(tmp_path / "images")
    table = {"source": "folder", "path": "images", "labels": "inner", "train_share": 0.5}
    settings = DataSettings.model_validate(table)
    train, test = (load_split(settings, split, tmp_path) for split in ("train", "test"))
    assert train.classes == ("0", "1")
    assert (len(train), len(test)) == (12, 12)  # three patients of four patches each
    # patches of one patient are alike; image(n) of patient n, whole patients go to one split
    assert np.bincount(train.labels).tolist() == [6, 6]


def test_training_on_a_folder_of_class_folders(tmp_path):
    breakhis(tmp_path / "images")
    file = write(tmp_path, NETWORK, count=8)
    _, output = run(file, *FOLDER, 'data.match="*/40X/*"', *SHORT)
    assert output["classes"] == ["benign", "malignant"]
    assert output["max_weight_error"]["fixed"]["end"] < 2.0**-10


def test_images_are_resized_and_turned_grey_as_the_scenario_says(tmp_path):
    for number in range(6):
        for label in ("a", "b"):
            save(tmp_path / "images" / label / f"{number}.png", image(number, 9 + number))
    file = write(tmp_path, NETWORK, count=6)
    options = ("data.size=7", "data.channels=1", "model.input=[7, 7, 1]", 'data.pixels="unit"')
    _, output = run(file, *FOLDER, *options, *SHORT)
    assert output["images"] == 6
    with pytest.raises(InputError, match=r"but the first image is .* set data\.size"):
        run(file, *FOLDER, *SHORT)


def test_an_unreadable_image_is_refused_by_name(tmp_path):
    breakhis(tmp_path / "images")
    broken = next((tmp_path / "images").rglob("*.png"))
    broken.write_bytes(b"not an image")
    with pytest.raises(InputError, match=rf"{broken.name}: not a readable image"):
        run(write(tmp_path, NETWORK, count=8), *FOLDER, *SHORT)


def test_a_class_folder_without_images_is_refused_by_name(tmp_path):
    breakhis(tmp_path / "images")
    (tmp_path / "images" / "unknown").mkdir()
    with pytest.raises(InputError, match=r"class 2 \(unknown\) has no image"):
        run(write(tmp_path, CONVOLUTIONS, count=8), *FOLDER, *SHORT)


def test_a_folder_without_a_train_split_says_how_to_get_one(tmp_path):
    breakhis(tmp_path / "images")
    with pytest.raises(InputError, match=r"or set data\.train_share"):
        run(write(tmp_path, NETWORK, count=8), *FOLDER[:2], *SHORT)


def test_a_pattern_that_matches_nothing_is_named(tmp_path):
    breakhis(tmp_path / "images")
    with pytest.raises(InputError, match=r"that match '\*/400X/\*'"):
        run(write(tmp_path, NETWORK, count=8), *FOLDER, 'data.match="*/400X/*"')


def test_training_on_files_in_the_format_of_mnist(tmp_path):
    folder = tmp_path / "mnist"
    folder.mkdir()
    for split, count in (("train", 12), ("t10k", 6)):
        labels = (np.arange(count) % 3).astype(np.uint8)
        pixels = np.random.default_rng(1).integers(0, 256, (count, 7, 7), dtype=np.uint8)
        for name, array in (("images-idx3", pixels), ("labels-idx1", labels)):
            head = b"\x00\x00\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
            (folder / f"{split}-{name}-ubyte").write_bytes(head + array.tobytes())
    file = write(tmp_path, CONVOLUTIONS, count=12)
    _, output = run(file, "data.source=idx", "data.path=mnist", "model.input=[7, 7, 1]", *SHORT)
    assert output["classes"] == ["0", "1", "2"]
    assert output["max_weight_error"]["fixed"]["end"] < 2.0**-10


@pytest.mark.skipif(
    not Path("/usr/share/datasets/fashion-mnist").is_dir(),
    reason="Debian's package dataset-fashion-mnist is not installed",
)
def test_the_shipped_lenet_scenario_reads_debians_fashion_mnist():
    file = Path(__file__).parents[2] / "scenarios" / "lenet_training.toml"
    options = ("data.count=40", "training.batch=20", "training.epochs=1", "training.test=0")
    _, output = run(file, *options)
    assert output["steps"] == 2
    assert output["max_weight_error"]["float"]["followed"] < 2.0**-8
