"""Folders of images: the arithmetic, layouts, channels, sizes and labels."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from edgeconv.core import TensorType
from edgeconv.data import Preprocessing, open_data
from edgeconv.errors import DataError, UsageError
from tests.data.models import H, N, W, image_input, save_image, vector_input

RED_TO_BLUE = np.array([[[255, 0, 51], [102, 204, 0]]])
"""One row of two pixels."""


def pixels_of(folder: Path, inputs: dict[str, TensorType], options: Preprocessing | None = None) -> np.ndarray:
    (batch,) = open_data(folder, inputs, options).batches(16)
    return batch.inputs["input"]


def test_raw_pixels_channels_first(tmp_path: Path) -> None:
    save_image(tmp_path / "a.png", RED_TO_BLUE)
    found = pixels_of(tmp_path, image_input(3, 1, 2))
    assert found.dtype == np.float32
    assert found.tolist() == [[[[255, 102]], [[0, 204]], [[51, 0]]]]


def test_an_image_alone_is_one_sample(tmp_path: Path) -> None:
    save_image(tmp_path / "a.PNG", RED_TO_BLUE)
    source = open_data(tmp_path / "a.PNG", image_input(3, 1, 2), Preprocessing(scale=2.0))
    assert (source.count, source.has_labels, source.uses_preprocessing) == (1, False, True)
    (batch,) = source.batches(16)
    assert batch.inputs["input"].tolist() == [[[[510, 204]], [[0, 408]], [[102, 0]]]]


def test_raw_pixels_channels_last(tmp_path: Path) -> None:
    save_image(tmp_path / "a.png", RED_TO_BLUE)
    assert pixels_of(tmp_path, image_input(3, 1, 2, "NHWC"), Preprocessing(layout="NHWC")).tolist() == [
        RED_TO_BLUE.tolist()
    ]


def test_scale_then_mean_and_std_per_channel(tmp_path: Path) -> None:
    save_image(tmp_path / "a.png", RED_TO_BLUE)
    options = Preprocessing.parse(mean="0.5,0.4,0", std="0.5,0.25,2", scale="1/255")
    found = pixels_of(tmp_path, image_input(3, 1, 2), options)
    np.testing.assert_allclose(found, [[[[1, -0.2]], [[-1.6, 1.6]], [[0.1, 0]]]], atol=1e-6)


def test_one_mean_for_all_channels(tmp_path: Path) -> None:
    save_image(tmp_path / "a.png", RED_TO_BLUE)
    found = pixels_of(tmp_path, image_input(3, 1, 2), Preprocessing(mean=(128.0,)))
    assert found.tolist() == [[[[127, -26]], [[-128, 76]], [[-77, -128]]]]


def test_the_arithmetic_is_told(tmp_path: Path) -> None:
    save_image(tmp_path / "1" / "a.png", np.zeros((4, 5, 3)))
    source = open_data(tmp_path, image_input(), Preprocessing(mean=(0.5,), std=(0.25, 0.5, 1), scale=1 / 256))
    assert source.describe() == (
        f"{tmp_path}: 1 sample, with labels (RGB NCHW, 5x4, scale 0.00390625, mean 0.5, std 0.25,0.5,1)"
    )


def test_blue_first_and_the_mean_with_it(tmp_path: Path) -> None:
    save_image(tmp_path / "a.png", RED_TO_BLUE)
    found = pixels_of(tmp_path, image_input(3, 1, 2), Preprocessing(channels="BGR", mean=(1.0, 2.0, 3.0)))
    assert found.tolist() == [[[[50, -1]], [[-2, 202]], [[252, 99]]]]


def test_one_channel_means_gray(tmp_path: Path) -> None:
    save_image(tmp_path / "a.png", [[0, 100], [255, 1]])
    save_image(tmp_path / "b.png", [[[7, 7, 7], [8, 8, 8]], [[9, 9, 9], [1, 1, 1]]])
    assert pixels_of(tmp_path, image_input(1, 2, 2)).tolist() == [[[[0, 100], [255, 1]]], [[[7, 8], [9, 1]]]]


def test_gray_files_and_palettes_feed_a_colour_input(tmp_path: Path) -> None:
    save_image(tmp_path / "a.png", [[0, 100]])
    save_image(tmp_path / "b.png", [[[255, 0, 0], [0, 0, 255]]], mode="P")
    found = pixels_of(tmp_path, image_input(3, 1, 2, "NHWC"), Preprocessing(layout="NHWC"))
    assert found.tolist() == [[[[0, 0, 0], [100, 100, 100]]], [[[255, 0, 0], [0, 0, 255]]]]


def test_uint8_input_takes_pixels_as_they_are(tmp_path: Path) -> None:
    save_image(tmp_path / "a.png", RED_TO_BLUE)
    inputs = {"input": TensorType("uint8", (N, 1, 2, 3))}
    assert pixels_of(tmp_path, inputs, Preprocessing(layout="NHWC")).dtype == np.uint8
    with pytest.raises(UsageError, match="make real numbers, but input 'input' is uint8"):
        open_data(tmp_path, inputs, Preprocessing(scale=0.5))


def test_another_size_is_stretched_and_said(tmp_path: Path) -> None:
    save_image(tmp_path / "a.png", [[0, 0, 200, 200], [0, 0, 200, 200]])
    source = open_data(tmp_path, image_input(1, 1, 2))
    assert next(source.batches(1)).inputs["input"].round(-2).tolist() == [[[[0, 200]]]]
    assert source.describe() == (
        f"{tmp_path}: 1 sample (GRAY NCHW, first image 4x2, resized to 2x1 (stretch), pixels 0..255)"
    )


def test_center_crop_keeps_the_middle(tmp_path: Path) -> None:
    save_image(tmp_path / "a.png", [[0, 10, 20, 30, 40, 50]] * 2)
    found = pixels_of(tmp_path, image_input(1, 2, 2), Preprocessing(resize="center-crop"))
    assert found.tolist() == [[[[20, 30], [20, 30]]]]


def test_exact_size_refuses_others(tmp_path: Path) -> None:
    save_image(tmp_path / "a.png", [[0, 10], [20, 30]])
    with pytest.raises(DataError, match=r"a.png: image is 2x2, expected 5x4; resize it, or say --resize stretch"):
        pixels_of(tmp_path, image_input(1), Preprocessing(resize="exact"))


def test_open_size_takes_that_of_the_images(tmp_path: Path) -> None:
    save_image(tmp_path / "a.png", np.zeros((2, 3, 3)))
    save_image(tmp_path / "b.png", np.zeros((2, 3, 3)))
    assert pixels_of(tmp_path, image_input(3, H, W)).shape == (2, 3, 2, 3)
    save_image(tmp_path / "c.png", np.zeros((3, 3, 3)))
    with pytest.raises(DataError, match=r"c.png: image is 3x3, expected 3x2 like the first one, .* --input-shape"):
        pixels_of(tmp_path, image_input(3, H, W))


def test_sub_folders_called_by_integers_are_labels(tmp_path: Path) -> None:
    for name in ("10/b.png", "10/a.jpg", "2/c.png", "007/d.PNG"):
        save_image(tmp_path / name, np.zeros((4, 5, 3)))
    source = open_data(tmp_path, image_input())
    labels = [batch.labels.tolist() for batch in source.batches(3) if batch.labels is not None]
    assert (source.count, source.has_labels) == (4, True)
    assert labels == [[7, 10, 10], [2]]


def test_other_sub_folders_count_in_name_order(tmp_path: Path) -> None:
    for name in ("dog/a.png", "cat/b.png", "7/c.png"):
        save_image(tmp_path / name, np.zeros((4, 5, 3)))
    (batch,) = open_data(tmp_path, image_input()).batches(8)
    assert batch.labels is not None and batch.labels.tolist() == [0, 1, 2]


def test_images_come_in_name_order_and_other_files_do_not_matter(tmp_path: Path) -> None:
    for value, name in enumerate(("c.png", "a.png", "b.bmp")):
        save_image(tmp_path / name, [[value, value]])
    (tmp_path / "LICENSE.txt").write_text("none")
    (tmp_path / ".hidden.png").write_text("none")
    source = open_data(tmp_path, image_input(1, 1, 2))
    assert [int(batch.inputs["input"].max()) for batch in source.batches(1)] == [1, 2, 0]
    assert (source.has_labels, source.uses_preprocessing) == (False, True)


@pytest.mark.parametrize(
    ("inputs", "options", "message"),
    [
        (image_input(4), Preprocessing(), "does not tell where its channels are; say --layout NCHW or --layout NHWC"),
        (image_input(3, 4, 3), Preprocessing(), "does not tell where its channels are"),
        (image_input(3), Preprocessing(layout="NHWC"), "RGB images have 3 channels, .* read as NHWC; check --channels"),
        (image_input(3), Preprocessing(channels="GRAY", layout="NCHW"), "GRAY images have 1 channel,"),
        (
            vector_input(),
            Preprocessing(),
            r"images feed an input \[N,C,H,W\] or \[N,H,W,C\], but 'x' is float32\[N,3\]",
        ),
        ({**image_input(), **vector_input()}, Preprocessing(), "one array for a model with inputs 'input', 'x'"),
        ({"input": TensorType("int8", (N, 3, 4, 5))}, Preprocessing(), "pixels 0..255 do not fit input 'input', int8"),
    ],
)
def test_inputs_that_images_do_not_fit(
    tmp_path: Path, inputs: dict[str, TensorType], options: Preprocessing, message: str
) -> None:
    save_image(tmp_path / "a.png", np.zeros((4, 5, 3)))
    with pytest.raises(DataError, match=message):
        open_data(tmp_path, inputs, options)


def test_a_stated_layout_settles_a_doubtful_shape(tmp_path: Path) -> None:
    save_image(tmp_path / "a.png", np.zeros((4, 3, 3)))
    assert pixels_of(tmp_path, image_input(3, 4, 3), Preprocessing(layout="NCHW")).shape == (1, 3, 4, 3)
    assert pixels_of(tmp_path, image_input(1, 4, 3), Preprocessing(channels="GRAY")).shape == (1, 1, 4, 3)


def test_sixteen_bit_images_are_refused(tmp_path: Path) -> None:
    from PIL import Image

    Image.fromarray(np.zeros((4, 5), np.uint16)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a.png: pixels of mode 'I.*'; expected 8 bits per channel"):
        pixels_of(tmp_path, image_input(1))


def test_without_pillow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_image(tmp_path / "a.png", np.zeros((4, 5, 3)))
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(DataError, match=r'reading images needs Pillow: pip install "edgeconv\[images\]"'):
        open_data(tmp_path, image_input())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mean": "0.1,x"}, "--mean 'x' is no number; expected one such as 0.5 or 1/255"),
        ({"mean": ""}, "--mean '' is no number"),
        ({"mean": "nan"}, "--mean nan makes no sense; expected finite numbers"),
        ({"std": "1,0,1"}, "--std 1,0,1 makes no sense; expected more than zero"),
        ({"scale": "1/0"}, "--scale '1/0' is no number"),
        ({"scale": "0"}, "--scale 0 makes no sense"),
        ({"layout": "CHW"}, "--layout 'CHW' is not known; expected one of auto, NCHW, NHWC"),
        ({"channels": "YUV"}, "--channels 'YUV' is not known"),
        ({"resize": "crop"}, "--resize 'crop' is not known; expected one of stretch, center-crop, exact"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Preprocessing.parse(**options)


def test_options_are_read_from_strings() -> None:
    found = Preprocessing.parse(
        mean="0.485, 0.456,0.406", std="1/2", scale=" 1 / 255 ", layout="nhwc", channels="bgr", resize="Center-Crop"
    )
    assert found == Preprocessing((0.485, 0.456, 0.406), (0.5,), 1 / 255, "NHWC", "BGR", "center-crop")
    assert Preprocessing.parse() == Preprocessing()
    assert Preprocessing.parse(scale="1e-2").scale == 0.01


def test_means_must_be_one_or_one_per_channel(tmp_path: Path) -> None:
    save_image(tmp_path / "a.png", np.zeros((4, 5, 3)))
    with pytest.raises(UsageError, match="--mean has 2 values, RGB images have 3 channels"):
        open_data(tmp_path, image_input(), Preprocessing(mean=(1.0, 2.0)))
