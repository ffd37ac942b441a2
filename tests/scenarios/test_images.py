"""Every kind of image file is read as what a viewer shows, or refused by its mode."""

import re
import subprocess
import sys
import tracemalloc
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from mpcsim.errors import InputError
from scenarios.data import DataSettings, load_split
from scenarios.data.images import read_image

SCENE = np.zeros((6, 9, 3), np.uint8)
SCENE[:, :3], SCENE[:, 3:6], SCENE[:, 6:] = (255, 0, 0), (0, 255, 0), (20, 40, 200)
SCENE[0, 0] = (255, 255, 255)  # which corner is the first
GREY = np.linspace(0, 255, 54).astype(np.uint8).reshape(6, 9)


@contextmanager
def _few_bytes():
    """Hold that what is done takes no more memory than a page of pictures."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def colour(mode):
    image = Image.fromarray(SCENE)
    if mode == "P":
        return image.quantize(8)
    if mode == "PA":
        return image.convert("RGBA").convert("PA")
    return image.convert(mode)


def read(folder, image, name, **options):
    file = folder / name
    image.save(file, **options)
    return read_image(file)


@pytest.mark.parametrize(
    ("mode", "name"),
    [
        ("RGB", "a.png"), ("RGB", "a.tif"), ("RGB", "a.bmp"), ("RGB", "a.jpg"), ("RGBA", "a.png"),
        ("RGBA", "a.tif"), ("P", "a.png"), ("P", "a.tif"), ("CMYK", "a.tif"), ("CMYK", "a.jpg"),
        ("YCbCr", "a.jpg"),
    ],
)  # fmt: skip
def test_colours_are_those_that_were_painted(tmp_path, mode, name):
    options = {"quality": 100, "subsampling": 0} if name.endswith("jpg") else {}
    found = read(tmp_path, colour(mode), name, **options)
    assert found.shape == (6, 9, 3)
    assert found.dtype == np.uint8
    near = 60 if name.endswith("jpg") or mode == "YCbCr" else 0
    assert np.abs(found.astype(int) - SCENE).max() <= near  # a negative would be 255 away


@pytest.mark.parametrize(
    ("mode", "name"), [("L", "a.png"), ("L", "a.tif"), ("L", "a.bmp"), ("LA", "a.png"), ("LA", "a.tif")]
)
def test_greys_are_those_that_were_painted(tmp_path, mode, name):
    assert np.array_equal(read(tmp_path, Image.fromarray(GREY).convert(mode), name)[..., 0], GREY)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp"])
def test_black_and_white_is_black_and_white(tmp_path, name):
    bits = GREY > 100
    found = read(tmp_path, Image.fromarray(bits), name)
    assert found.shape == (6, 9, 1)
    assert np.array_equal(found[..., 0], bits * 255)


def test_what_lies_under_a_transparent_pixel_is_read(tmp_path):
    see = np.dstack([SCENE, np.zeros((6, 9), np.uint8)])
    assert np.array_equal(read(tmp_path, Image.fromarray(see), "a.png"), SCENE)
    palette = colour("P")
    palette.info["transparency"] = 0
    assert np.array_equal(read(tmp_path, palette, "p.png", transparency=0), SCENE)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_grey_of_16_bits_keeps_them(tmp_path, name):
    deep = GREY.astype(np.uint16) * 257 + 3
    assert np.array_equal(read(tmp_path, Image.fromarray(deep), name)[..., 0], deep)


@pytest.mark.parametrize("order", ["<", ">"])
def test_colour_of_16_bits_keeps_them_in_a_tiff(tmp_path, order):
    deep = SCENE.astype(np.uint16) * 250 + 7
    tifffile.imwrite(tmp_path / "a.tif", deep, photometric="rgb", byteorder=order)
    assert np.array_equal(read_image(tmp_path / "a.tif"), deep)
    tifffile.imwrite(tmp_path / "f.tif", SCENE / np.float32(255), photometric="rgb", byteorder=order)
    assert np.allclose(read_image(tmp_path / "f.tif"), SCENE / 255)


def test_fractions_are_read_where_they_are_fractions(tmp_path):
    for top, right in ((1.0, True), (1.5, False)):
        (tmp_path / "a").mkdir(exist_ok=True)
        Image.fromarray((GREY / 255 * top).astype(np.float32)).save(tmp_path / "a" / "1.tif")
        asked = DataSettings(source="folder", path=str(tmp_path), pixels="unit")
        if right:
            assert np.allclose(load_split(asked).images[0, ..., 0], GREY / 255)
        else:
            with pytest.raises(InputError, match=r"1\.tif: pixels are float32; accepted"):
                load_split(asked)


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("kind", ["a.jpg", "a.png", "a.tif", "deep.tif"])
def test_an_image_is_upright_however_the_camera_was_held(tmp_path, turn, kind):
    """The eight orientations of EXIF, by their definition: where row 0 and column 0 are seen."""
    stored = {
        1: SCENE, 2: SCENE[:, ::-1], 3: SCENE[::-1, ::-1], 4: SCENE[::-1], 5: SCENE.swapaxes(0, 1),
        6: SCENE.swapaxes(0, 1)[::-1], 7: SCENE.swapaxes(0, 1)[::-1, ::-1],
        8: SCENE.swapaxes(0, 1)[:, ::-1],
    }[turn]  # fmt: skip
    stored = np.ascontiguousarray(stored)
    file = tmp_path / kind
    if kind == "deep.tif":
        deep = stored.astype(np.uint16) * 257
        tifffile.imwrite(file, deep, photometric="rgb", extratags=[(274, "H", 1, turn, True)])
        assert np.array_equal(read_image(file), SCENE.astype(np.uint16) * 257)
        return
    exif = Image.Exif()
    exif[274] = turn
    options = {"quality": 100, "subsampling": 0} if kind == "a.jpg" else {}
    Image.fromarray(stored).save(file, exif=exif, **options)
    found = read_image(file)
    assert found.shape == SCENE.shape
    assert np.abs(found.astype(int) - SCENE).max() <= (60 if kind == "a.jpg" else 0)


@pytest.mark.parametrize(("mode", "array"), [("LAB", None), ("I", GREY.astype(np.int32) * 70_000)])
def test_a_mode_without_a_sure_meaning_is_refused_by_its_name(tmp_path, mode, array):
    image = Image.new("LAB", (4, 4)) if array is None else Image.fromarray(array)
    with pytest.raises(
        InputError, match=rf"a\.tif: pixels of Pillow's mode '{mode}'; accepted are the modes 1, L"
    ):
        read(tmp_path, image, "a.tif")


def test_several_pictures_in_a_file_are_refused(tmp_path):
    pages = [Image.fromarray(GREY)] * 3
    for name in ("a.tif", "a.png"):
        with pytest.raises(InputError, match="3 pictures; accepted: a file for each image"):
            read(tmp_path, Image.fromarray(GREY[::-1]), name, save_all=True, append_images=pages[1:])
    tifffile.imwrite(tmp_path / "b.tif", np.zeros((2, 6, 9, 3), np.uint16), photometric="rgb")
    with pytest.raises(InputError, match=r"b\.tif: 2 picture"):
        read_image(tmp_path / "b.tif")


def test_colours_in_planes_are_not_taken_for_rows(tmp_path):
    planes = np.zeros((3, 6, 9), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate")
    with pytest.raises(InputError, match="colours side by side"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (bytes.fromhex("00051607") + b"\0\2Mac OS X", "what macOS keeps beside a file of that name"),
        (b"", "it is empty"),
        (b"no image", re.escape("it begins with 6e 6f 20 69")),
        (b"\x89PNG\r\n\x1a\n\0\0", "not a readable image"),
        (b"II*\0" + b"\xff" * 40, "not a readable image"),
    ],
)
@pytest.mark.parametrize("name", ["._0.png", "0.jpg", "0.tif"])
def test_a_file_that_is_no_image_is_named_with_the_reason(tmp_path, content, why, name):
    (tmp_path / "a").mkdir()
    Image.fromarray(SCENE).save(tmp_path / "a" / "1.png")
    (tmp_path / "a" / name).write_bytes(content)
    with pytest.raises(InputError, match=re.escape(name) + ": .*" + why):
        load_split(DataSettings(source="folder", path=str(tmp_path)))


def test_folders_of_tools_are_no_classes(tmp_path):
    for folder in ("cat", "dog", ".git", ".ipynb_checkpoints", "__MACOSX", "cat/.thumbs", "cat/x.png"):
        (tmp_path / folder).mkdir(exist_ok=True)
        Image.fromarray(SCENE).save(tmp_path / folder / "1.png")
    (tmp_path / "cat" / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    data = load_split(DataSettings(source="folder", path=str(tmp_path)))
    assert data.classes == ("cat", "dog")
    assert data.labels.tolist() == [0, 0, 1]


# Arrays


def archive(folder, images, labels):
    np.savez(folder / "m.npz", test_images=images, test_labels=labels)
    return DataSettings(source="npz", path=str(folder / "m.npz"))


@pytest.mark.parametrize(
    ("shape", "hint"),
    [
        ((4, 28, 28, 28), ": volumes"),
        ((4, 3, 8, 8), ": channels come last here (images.transpose(0, 2, 3, 1))"),
        ((4, 1, 8, 8), ": channels come last here (images.transpose(0, 2, 3, 1))"),
        ((4, 8, 8, 4), ""),
        ((4, 8, 8, 2), ""),
        ((4, 8), ""),
        ((4,), ""),
        ((4, 2, 8, 8, 3), ""),
    ],
)
def test_arrays_that_are_no_images_are_refused_with_the_shapes_that_are(tmp_path, shape, hint):
    asked = archive(tmp_path, np.zeros(shape, np.uint8), np.zeros(4, np.int64))
    message = re.escape(f"test_images is {shape}{hint}; accepted are images (n, height, width)")
    with pytest.raises(InputError, match=message):
        load_split(asked)


@pytest.mark.parametrize("kind", [np.int64, np.uint64, np.uint32, np.int8])
@pytest.mark.parametrize("label", [10**6, 10**9, 2**63 + 5, 65_536, -1, -(10**9)])
def test_labels_that_are_no_classes_are_refused_at_once(tmp_path, kind, label):
    if not np.iinfo(kind).min <= label <= np.iinfo(kind).max:
        return
    asked = archive(tmp_path, np.zeros((3, 4, 4), np.uint8), np.array([0, label, 1], kind))
    with (
        _few_bytes(),
        pytest.raises(
            InputError, match=rf"test_labels: image 1 has label {label}; accepted are numbers of"
        ),
    ):
        load_split(asked)


def test_gaps_between_classes_cost_nothing(tmp_path):
    from scenarios.data import load_data

    asked = archive(tmp_path, np.zeros((3, 4, 4), np.uint8), np.array([0, 65_535, 300]))
    with _few_bytes():
        data = load_data(asked.model_copy(update={"count": 3}))
    assert sorted(data.labels) == [0, 300, 65_535]


def test_only_folders_of_images_need_their_extra():
    code = "import sys, scenarios.data.files; print({'PIL', 'skimage', 'tifffile'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "set()"


def test_the_table_of_modes_is_that_of_the_code():
    from scenarios.data import images

    told = set(re.findall(r"`([A-Za-z0-9;]+)`", images.__doc__.split("| mode")[1].split("refused")[0]))
    for mode in (*images._GREY, *images._COLOUR, "F", "I;16"):
        assert mode in told
    assert Path(images.__file__).name == "images.py"
