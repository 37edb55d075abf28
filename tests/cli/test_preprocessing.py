"""The preprocessing given to `convert` is kept in the file, shown, used on images, and can be overridden."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgeconv.core import Array
from tests.cli.conftest import CALIB, MODEL, SAMPLES, TEST, Command
from tests.data.models import save_image

DIGITS = SAMPLES.parent / "digits_resnet"
OPTIONS = ("--scale", "1/255", "--mean", "0.25", "--std", "0.5")


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty of the digits as gray images of 8x8 pixels, a sub-folder per class."""
    folder = tmp_path_factory.mktemp("images")
    with np.load(DIGITS / "test.npz") as file:
        for number, (image, label) in enumerate(zip(file["input"][:40], file["labels"][:40], strict=True)):
            save_image(folder / str(label) / f"{number:03}.png", np.rint(image[0] * 255), "L")
    return folder


@pytest.fixture
def edge(edgeconv: Command, images: Path, tmp_path: Path) -> Path:
    """Calibrated on the images, prepared as OPTIONS say."""
    assert edgeconv("convert", DIGITS / "model.onnx", tmp_path / "m.edge", "--calib", images, *OPTIONS).code == 0
    return tmp_path / "m.edge"


def _outputs(edgeconv: Command, edge: Path, images: Path, *options: str) -> Array:
    target = edge.with_suffix(".npy")
    assert edgeconv("run", edge, "-i", images, "-o", target, "--force", *options).code == 0
    found: Array = np.load(target)
    return found


def test_run_prepares_images_like_calibration_did(edgeconv: Command, edge: Path, images: Path) -> None:
    own = _outputs(edgeconv, edge, images)
    np.testing.assert_array_equal(own, _outputs(edgeconv, edge, images, *OPTIONS))
    other = _outputs(edgeconv, edge, images, "--mean", "0")
    assert not np.array_equal(own, other)
    np.testing.assert_array_equal(
        other, _outputs(edgeconv, edge, images, "--scale", "1/255", "--std", "0.5", "--mean", "0")
    )


def test_evaluate_uses_it_and_notices_when_it_is_overridden(edgeconv: Command, edge: Path, images: Path) -> None:
    given = ("evaluate", edge, "--data", images, "--reference", DIGITS / "model.onnx", "--json")
    assert json.loads(edgeconv(*given).out)["warnings"] == []
    (warning,) = json.loads(edgeconv(*given, "--scale", "1", "--mean", "0", "--std", "1").out)["warnings"]
    assert warning.startswith("input 'input': mean ") and " in calibration, " in warning
    assert "different preprocessing?" in edgeconv(*given[:-1], "--scale", "1").out


def test_what_statistics_cannot_show_is_told_by_what_was_asked(edgeconv: Command, edge: Path, images: Path) -> None:
    given = ("evaluate", edge, "--data", images, "--reference", DIGITS / "model.onnx", "--json")
    (warning,) = json.loads(edgeconv(*given, "--resize", "center-crop").out)["warnings"]
    assert warning == "images are prepared otherwise than those of calibration: resize center-crop for stretch"


def test_run_notices_arrays_that_were_prepared_otherwise(edgeconv: Command, edge: Path, images: Path) -> None:
    with np.load(DIGITS / "test.npz") as file:
        np.save(edge.with_name("right.npy"), (file["input"][:40] - 0.25) / 0.5)
        np.save(edge.with_name("wrong.npy"), np.rint(file["input"][:40] * 255).astype(np.uint8))
    right, wrong = (edgeconv("run", edge, "-i", edge.with_name(name)) for name in ("right.npy", "wrong.npy"))
    assert right.err == ""
    assert wrong.err.startswith("warning: input 'input': mean ") and "different preprocessing?" in wrong.err
    assert wrong.code == 0
    assert edgeconv("run", edge, "-i", edge.with_name("wrong.npy"), "--quiet").err == ""
    assert edgeconv("run", edge, "-i", "random:4").err == ""


def test_inspect_shows_it(edgeconv: Command, edge: Path) -> None:
    text = edgeconv("inspect", edge).out
    assert "images      scale 0.00392157, mean 0.25, std 0.5; layout auto, channels auto, resize stretch" in text
    assert "calibrated  input  mean " in text


def test_arrays_leave_no_preprocessing_but_statistics(edgeconv: Command, tmp_path: Path) -> None:
    edge = tmp_path / "m.edge"
    assert edgeconv("convert", MODEL, edge, "--calib", CALIB).code == 0
    metadata = json.loads(edgeconv("inspect", edge, "--json").out)["metadata"]
    assert "preprocessing" not in metadata
    with np.load(CALIB) as file:
        x = file["input"]
    (facts,) = json.loads(metadata["calibration.inputs"])
    assert facts["mean"] == pytest.approx(float(x.mean()), rel=1e-4)
    assert (facts["min"], facts["max"]) == pytest.approx((float(x.min()), float(x.max())), rel=1e-4)
    shifted = tmp_path / "other.npz"
    with np.load(TEST) as file:
        np.savez(shifted, input=file["input"] * 1000, labels=file["labels"])
    assert "different preprocessing?" in edgeconv("evaluate", edge, "--data", shifted).out
    assert "different preprocessing?" in edgeconv("compare", MODEL, edge, "--data", shifted).out
    assert "different preprocessing?" not in edgeconv("evaluate", edge, "--data", TEST).out


def test_a_mistake_on_both_sides_is_told_by_the_accuracy(edgeconv: Command, tmp_path: Path) -> None:
    """Pixels of 0..255 for calibration and evaluation alike, where training had 0..1: nothing differs, all is wrong."""
    digits = Path(MODEL).parents[1] / "digits_resnet"
    for name in ("calib", "test"):
        with np.load(digits / f"{name}.npz") as file:
            np.savez(tmp_path / f"{name}.npz", **{key: file[key] * (255 if key == "input" else 1) for key in file})
    given = (
        "convert",
        digits / "model.onnx",
        tmp_path / "m.edge",
        "--calib",
        tmp_path / "calib.npz",
        "--effort",
        "fast",
    )
    text = " ".join(edgeconv(*given, "--eval", tmp_path / "test.npz").out.split())
    assert "different preprocessing?" not in text
    assert "guessing among 10 classes is on 10.0 %: do preprocessing and labels belong to it?" in text
    right = edgeconv(
        "evaluate", tmp_path / "m.edge", "--data", digits / "test.npz", "--reference", digits / "model.onnx"
    )
    assert "guessing" not in right.out


def test_preprocessing_of_arrays_is_refused_where_nothing_comes_of_it(
    edgeconv: Command, edge_file: Path, input_file: Path
) -> None:
    given: tuple[tuple[object, ...], ...] = (
        ("evaluate", edge_file, "--data", TEST),
        ("run", edge_file, "-i", input_file),
        ("compare", MODEL, edge_file, "--data", TEST),
        ("bench", edge_file, "--data", TEST),
    )
    for words in given:
        result = edgeconv(*words, "--scale", "0.5")
        assert result.code == 2
        assert "--scale 0.5 is for images, but" in result.err
        assert f"{Path(str(words[-1])).name} holds arrays" in result.err


@pytest.mark.parametrize("workers", [(), ("--workers", "2")])
def test_convert_keeps_it_for_later_images_and_says_so(
    edgeconv: Command, tmp_path: Path, workers: tuple[str, ...]
) -> None:
    edge = tmp_path / "m.edge"
    options = ("--eval", TEST, "--report", tmp_path / "report", "--json", *workers, *OPTIONS)
    found = json.loads(edgeconv("convert", MODEL, edge, "--calib", CALIB, *options).out)
    assert [warning for warning in found["conversion"]["warnings"] if "arrays" in warning]
    assert not [warning for warning in found["accuracy"]["warnings"] if "not compared" in warning]
    assert "scale 0.00392157, mean 0.25, std 0.5" in edgeconv("inspect", edge).out


def test_random_data_claims_nothing_about_preprocessing(edgeconv: Command, tmp_path: Path) -> None:
    assert edgeconv("convert", MODEL, tmp_path / "m.edge", "--calib", CALIB).code == 0
    assert "different preprocessing?" not in edgeconv("evaluate", tmp_path / "m.edge", "--data", "random:9",
                                                      "--reference", MODEL).out  # fmt: skip


def test_a_calibration_keeps_it_for_the_file_and_for_the_evaluation(
    edgeconv: Command, edge: Path, images: Path, tmp_path: Path
) -> None:
    calib, later = tmp_path / "x.calib", tmp_path / "later.edge"
    assert edgeconv("calibrate", DIGITS / "model.onnx", "-d", images, "-o", calib, *OPTIONS).code == 0
    given = ("convert", DIGITS / "model.onnx", later, "--calib", calib, "--eval", images, "--json")
    assert json.loads(edgeconv(*given).out)["accuracy"]["warnings"] == []
    np.testing.assert_array_equal(_outputs(edgeconv, later, images), _outputs(edgeconv, edge, images))
    other = edgeconv("convert", DIGITS / "model.onnx", tmp_path / "o.edge", "--calib", calib, "--mean", "0.5")
    assert other.code == 2
    assert "were prepared with scale 0.00392157, mean 0.25, std 0.5" in other.err
