import gzip
import struct

import numpy as np
import pytest
from pydantic import ValidationError
from skimage.io import imsave

from mpcsim.errors import InputError
from scenarios.data import Dataset, DataSettings, load_data, load_split

RNG = np.random.default_rng(5)


def pixels(*shape):
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def write_image(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    imsave(path, image, check_contrast=False)


def write_idx(path, array, magic=b"\x00\x00\x08"):
    raw = magic + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    raw += array.tobytes()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)


def settings(source, **more):
    return DataSettings(source=source, pixels="unit", **more)


# -- Dataset ----------------------------------------------------------------------------------


def test_a_pixel_that_is_not_finite_is_refused_with_the_first_such_image():
    images = np.zeros((4, 2, 2, 1))
    images[2, 1, 0, 0] = np.nan
    images[3] = np.inf
    with pytest.raises(InputError, match="image 2 has a pixel"):
        Dataset(images, np.zeros(4, dtype=np.int64), ("a",), "")


@pytest.mark.parametrize("label", [2, -1, 0.5, np.nan])
def test_a_label_outside_the_classes_is_refused_with_the_first_such_image(label):
    with pytest.raises(InputError, match="image 1 has label"):
        Dataset(np.zeros((3, 2, 2, 1)), np.array([1, label, label]), ("a", "b"), "")


@pytest.mark.parametrize("shape", [(0, 2, 2, 1), (3, 2, 2), (3, 0, 2, 1)])
def test_images_of_another_shape_are_refused(shape):
    with pytest.raises(InputError, match="accepted is"):
        Dataset(np.zeros(shape), np.zeros(shape[0], dtype=np.int64), ("a",), "")


def test_a_label_for_every_image():
    with pytest.raises(InputError, match="one label for each image"):
        Dataset(np.zeros((3, 2, 2, 1)), np.zeros(2, dtype=np.int64), ("a",), "")


@pytest.mark.parametrize(
    "bad", [{"count": 0}, {"source": "web"}, {"colour": 3}, {"channels": 2}, {"count": True}]
)
def test_settings_that_mean_nothing_are_refused(bad):
    with pytest.raises(ValidationError, match=next(iter(bad))):
        DataSettings.model_validate(bad)


# -- folders ----------------------------------------------------------------------------------


def test_class_folders_give_labels_in_the_order_of_their_names(tmp_path):
    first, second = pixels(6, 5, 3), pixels(6, 5, 3)
    write_image(tmp_path / "tumour" / "1.png", first)
    write_image(tmp_path / "normal" / "2.png", second)
    (tmp_path / "normal" / "notes.txt").write_text("not an image")
    data = load_split(settings("folder", path=str(tmp_path)))
    assert data.classes == ("normal", "tumour")
    assert data.labels.tolist() == [0, 1]
    assert np.array_equal(data.images, np.stack([second, first]) / 255.0)


def test_relative_paths_start_at_the_scenarios_folder(tmp_path):
    write_image(tmp_path / "images" / "a" / "1.png", pixels(4, 4))
    data = load_data(settings("folder", path="images"), base=tmp_path)
    assert data.images.shape == (1, 4, 4, 1)


def test_train_and_test_folders_are_kept_apart(tmp_path):
    write_image(tmp_path / "train" / "a" / "1.png", pixels(4, 4))
    write_image(tmp_path / "test" / "a" / "1.png", pixels(5, 5))
    for split, side in (("train", 4), ("test", 5)):
        assert load_split(settings("folder", path=str(tmp_path)), split).images.shape[1] == side


def test_class_folders_alone_are_no_training_set(tmp_path):
    write_image(tmp_path / "a" / "1.png", pixels(4, 4))
    with pytest.raises(InputError, match="holds no 'train' folder"):
        load_split(settings("folder", path=str(tmp_path)), "train")


def test_images_that_differ_need_a_size(tmp_path):
    write_image(tmp_path / "a" / "1.png", pixels(6, 5, 3))
    write_image(tmp_path / "a" / "2.png", pixels(9, 9, 3))
    with pytest.raises(InputError, match=r"2\.png: \(9, 9, 3\).*data\.size"):
        load_split(settings("folder", path=str(tmp_path)))
    data = load_split(settings("folder", path=str(tmp_path), size=4))
    assert data.images.shape == (2, 4, 4, 3)
    assert 0 <= data.images.min() <= data.images.max() <= 1


def test_channels_bring_grey_coloured_and_transparent_images_together(tmp_path):
    grey = pixels(4, 4)
    write_image(tmp_path / "a" / "1.png", grey)
    write_image(tmp_path / "a" / "2.png", pixels(4, 4, 4))
    three = load_split(settings("folder", path=str(tmp_path), channels=3))
    assert three.images.shape == (2, 4, 4, 3)
    assert np.array_equal(three.images[0, :, :, 1], grey / 255.0)
    assert load_split(settings("folder", path=str(tmp_path), channels=1)).images.shape[-1] == 1


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "bmp"])
def test_a_damaged_image_is_refused_by_its_path(tmp_path, suffix):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / f"broken.{suffix}").write_bytes(b"no image at all")
    with pytest.raises(InputError, match=rf"broken\.{suffix}: not a readable image"):
        load_split(settings("folder", path=str(tmp_path)))


def test_folders_without_anything_to_read_are_refused(tmp_path):
    with pytest.raises(InputError, match="not a folder"):
        load_split(settings("folder", path=str(tmp_path / "missing")))
    with pytest.raises(InputError, match="no class folders"):
        load_split(settings("folder", path=str(tmp_path)))
    (tmp_path / "a").mkdir()
    with pytest.raises(InputError, match="without images"):
        load_split(settings("folder", path=str(tmp_path)))
    with pytest.raises(InputError, match=r"data\.path is missing"):
        load_split(settings("folder"))


@pytest.mark.parametrize(("suffix", "depth"), [("tif", 1), ("tif", 257), ("bmp", 1), ("png", 1)])
def test_formats_keep_their_pixels(tmp_path, suffix, depth):
    image = pixels(6, 5, 3).astype(np.uint8 if depth == 1 else np.uint16) * depth
    write_image(tmp_path / "a" / f"1.{suffix}", image)
    data = load_split(settings("folder", path=str(tmp_path)))
    assert np.array_equal(data.images[0], image / (255.0 * depth))


# -- npz --------------------------------------------------------------------------------------


def write_medmnist(path, images, labels):
    np.savez(path, test_images=images, test_labels=labels)
    return settings("npz", path=str(path))


def test_a_medmnist_archive_of_grey_images_is_read(tmp_path):
    images = pixels(3, 5, 5)
    data = load_split(write_medmnist(tmp_path / "m.npz", images, np.array([[2], [0], [1]])))
    assert np.array_equal(data.images[..., 0], images / 255.0)
    assert data.labels.tolist() == [2, 0, 1]
    assert data.classes == ("0", "1", "2")


def test_a_missing_split_is_refused_with_what_the_archive_holds(tmp_path):
    asked = write_medmnist(tmp_path / "m.npz", pixels(3, 5, 5), np.zeros(3, dtype=np.uint8))
    with pytest.raises(InputError, match="holds test_images, test_labels; accepted is"):
        load_split(asked, "train")


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.full((2, 3, 3), 7.0), np.zeros(2, dtype=int), "fractions"),
        (np.full((2, 3, 3), np.nan), np.zeros(2, dtype=int), "fractions"),
        (pixels(2, 3, 3), np.zeros((2, 14), dtype=int), "one class for each image"),
        (pixels(2, 3, 3), np.array(["a", "b"]), "whole numbers"),
        (pixels(2, 3, 3), np.array([0, 1, 1]), "one label for each image"),
        (pixels(2, 3, 3), np.array([0, -1]), "image 1 has label -1"),
    ],
)
def test_an_archive_with_other_contents_is_refused(tmp_path, images, labels, message):
    with pytest.raises(InputError, match=message):
        load_split(write_medmnist(tmp_path / "m.npz", images, labels))


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 cut short", None])
def test_a_file_that_is_no_archive_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "m.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"m\.npz: not a readable \.npz archive"):
        load_split(settings("npz", path=str(tmp_path / "m.npz")))


def test_a_bare_array_is_no_archive(tmp_path):
    np.save(tmp_path / "m.npy", pixels(2, 3, 3))
    with pytest.raises(InputError, match=r"m\.npy: not a readable \.npz archive"):
        load_split(settings("npz", path=str(tmp_path / "m.npy")))


def test_only_folders_resize(tmp_path):
    write_medmnist(tmp_path / "m.npz", pixels(3, 5, 5), np.zeros(3, dtype=np.uint8))
    with pytest.raises(InputError, match="only the source 'folder' resizes"):
        load_split(settings("npz", path=str(tmp_path / "m.npz"), size=28))


# -- idx --------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_mnist_files_are_read_plain_and_compressed(tmp_path, suffix):
    images, labels = pixels(4, 6, 5), np.array([3, 1, 0, 3], dtype=np.uint8)
    write_idx(tmp_path / f"train-images-idx3-ubyte{suffix}", images)
    write_idx(tmp_path / f"train-labels-idx1-ubyte{suffix}", labels)
    data = load_split(settings("idx", path=str(tmp_path)), "train")
    assert np.array_equal(data.images, images[..., np.newaxis] / 255.0)
    assert data.labels.tolist() == labels.tolist()
    assert len(data.classes) == 4


def test_missing_cut_and_foreign_idx_files_are_refused(tmp_path):
    asked = settings("idx", path=str(tmp_path))
    with pytest.raises(InputError, match="neither t10k-images-idx3-ubyte nor"):
        load_split(asked)
    images = tmp_path / "t10k-images-idx3-ubyte"
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", np.zeros(4, dtype=np.uint8))
    write_idx(images, pixels(4, 6, 5))
    images.write_bytes(images.read_bytes()[:-1])
    with pytest.raises(InputError, match="119 bytes of data, but its header announces 4×6×5 = 120"):
        load_split(asked)
    write_idx(images, pixels(4, 6, 5), magic=b"\x00\x00\x0d")
    with pytest.raises(InputError, match="begins with 00 00 0d 03"):
        load_split(asked)
    images.unlink()
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(b"not gzip")
    with pytest.raises(InputError, match="cannot be read"):
        load_split(asked)
