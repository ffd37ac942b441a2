import numpy as np
import pytest
from skimage.color import rgb2gray, rgb2hed
from skimage.data import immunohistochemistry

from mpcsim.errors import InputError
from scenarios.data import DataSettings, ihc, load_data, load_split, micrograph


def used_pixels(split, size, stride):
    used = np.zeros((512, 512), dtype=bool)
    for row, column in ihc.corners(split, size, stride):
        used[row : row + size, column : column + size] = True
    return used


@pytest.mark.parametrize(("size", "stride"), [(50, 8), (28, 8), (28, 1), (1, 1), (96, 3)])
def test_train_and_test_tiles_share_no_pixel(size, stride):
    train, test = used_pixels("train", size, stride), used_pixels("test", size, stride)
    assert train.any()
    assert test.any()
    assert not (train & test).any()


def test_tiles_of_one_split_do_share_pixels():
    at = ihc.corners("train")
    assert len(at) * 50 * 50 > used_pixels("train", 50, 8).sum()


@pytest.mark.parametrize("size", [50, 28])
def test_both_splits_are_large_and_balanced(size):
    for split, least in (("train", 1000), ("test", 400)):
        data = ihc.load(split, size=size)
        assert least <= len(data) <= 3000
        assert 0.45 < data.labels.mean() < 0.55


def test_every_call_gives_the_same_tiles_and_labels():
    first, second = ihc.load("test"), ihc.load("test")
    assert np.array_equal(first.images, second.images)
    assert np.array_equal(first.labels, second.labels)


def test_labels_are_the_share_of_brown_pixels_counted_one_by_one():
    dab = rgb2hed(immunohistochemistry())[..., 2]
    data, at = ihc.load("test", stride=37), ihc.corners("test", stride=37)
    for (row, column), label in zip(at, data.labels, strict=True):
        brown = (dab[row : row + 50, column : column + 50] > ihc.DAB_LEVEL).mean()
        assert label == (brown > ihc.STAINED_SHARE)
    assert 0 < data.labels.sum() < len(data)


def test_no_pixel_is_so_near_the_level_that_rounding_decides_it():
    dab = rgb2hed(immunohistochemistry())[..., 2]
    assert np.abs(dab - ihc.DAB_LEVEL).min() > 1e-9


def test_a_tile_is_the_micrograph_divided_by_255():
    data, at = ihc.load("train", stride=64), ihc.corners("train", stride=64)
    row, column = at[-1]
    tile = immunohistochemistry()[row : row + 50, column : column + 50]
    assert np.array_equal(data.images[-1], tile / 255.0)


def test_grey_tiles_keep_the_labels_of_the_coloured_ones():
    grey, colour = ihc.load("test", channels=1), ihc.load("test")
    assert grey.images.shape == (len(colour), 50, 50, 1)
    assert np.array_equal(grey.labels, colour.labels)
    assert 0 <= grey.images.min() < grey.images.max() <= 1


@pytest.mark.parametrize("bad", [{"size": 97}, {"size": 0}, {"stride": 0}, {"channels": 2}])
def test_tiles_that_cannot_be_cut_are_refused(bad):
    with pytest.raises(InputError, match=f"data.{next(iter(bad))}"):
        ihc.load("train", **bad)


def test_the_hospital_sends_as_many_images_as_asked_of_both_classes():
    data = load_data(DataSettings(count=9), seed=7)
    assert len(data) == 9
    assert sorted(np.bincount(data.labels)) == [4, 5]


def test_the_choice_follows_the_seed_and_the_offset():
    nine = load_data(DataSettings(count=9), seed=7)
    later = load_data(DataSettings(count=4, offset=5), seed=3)
    same = load_data(DataSettings(count=4, offset=5, seed=7), seed=3)
    assert np.array_equal(nine.images[5:], same.images)
    assert not np.array_equal(nine.images[5:], later.images)


def test_more_images_than_there_are_is_refused_with_both_numbers():
    with pytest.raises(InputError, match=r"1000 images from offset 45 .* has 1044"):
        load_data(DataSettings(count=1000, offset=45))


def test_the_whole_split_comes_in_the_order_of_turns():
    data = load_data(DataSettings(count=1044))
    assert np.array_equal(np.bincount(data.labels), np.bincount(ihc.load("test").labels))


def test_signed_pixels_span_minus_one_to_one():
    signed = load_split(DataSettings())
    unit = load_split(DataSettings(pixels="unit"))
    assert np.array_equal(signed.images, unit.images * 2 - 1)
    assert signed.images.min() < -0.5 < 0.9 < signed.images.max() <= 1


def test_a_path_for_the_shipped_micrograph_is_refused():
    with pytest.raises(InputError, match="takes no path"):
        load_data(DataSettings(path="somewhere"))


def test_the_shipped_micrograph_is_what_its_command_writes(tmp_path):
    micrograph.write(tmp_path / "fresh.npz")
    with np.load(tmp_path / "fresh.npz") as fresh, np.load(ihc.FILE) as shipped:
        assert sorted(fresh) == sorted(shipped) == ["brown", "pixels"]
        assert all(np.array_equal(fresh[name], shipped[name]) for name in fresh)
        assert np.array_equal(shipped["pixels"], immunohistochemistry())


def test_grey_tiles_are_the_luminance_that_scikit_image_computes():
    colour, grey = ihc.load("test", stride=37), ihc.load("test", channels=1, stride=37)
    assert np.array_equal(rgb2gray(colour.images)[..., np.newaxis], grey.images)
