"""The image classifier on a folder of pictures that Pillow made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeconv.runtime import Interpreter
from edgeconv_cli.main import run_commands
from tests.examples.running import SAMPLES, run_example
from tests.golden.files import edge_file

Image = pytest.importorskip("PIL.Image", reason="pictures need Pillow")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Ten digits as grey pictures of 8x8 pixels, in a sub-folder; and a file that is none."""
    with np.load(SAMPLES / "digits_resnet" / "test.npz") as data:
        images = data["input"][:10, 0]
    folder = tmp_path / "pictures"
    (folder / "digits").mkdir(parents=True)
    for number, image in enumerate(images):
        Image.fromarray((image * 255).round().astype(np.uint8)).save(folder / "digits" / f"{number}.png")
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_a_folder_of_pictures(pictures: Path, tmp_path: Path) -> None:
    with np.load(SAMPLES / "digits_resnet" / "test.npz") as data:
        images = (data["input"][:10] * 255).round() / 255
    wanted = Interpreter(edge_file("digits_resnet"))(images.astype(np.float32)).argmax(axis=1)
    done = run_example("classify_images.py", edge_file("digits_resnet"), pictures, "--scale", "1/255")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [f"digits/{number}.png" for number in range(10)]
    assert [line.split()[1] for line in lines] == [f"{best}:" for best in wanted]


def test_a_deployed_file_and_labels(pictures: Path, tmp_path: Path) -> None:
    target = tmp_path / "digits.pyz"
    assert run_commands(["deploy", str(edge_file("digits_resnet")), "-o", str(target), "--quiet"]) == 0
    (tmp_path / "labels.txt").write_text("\n".join(f"number-{n}" for n in range(10)))
    given = (
        "classify_images.py",
        target,
        pictures,
        "--scale",
        "1/255",
        "--labels",
        tmp_path / "labels.txt",
        "--top",
        1,
    )
    done = run_example(*given)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(line.split()[1].startswith("number-") for line in done.stdout.splitlines())


def test_what_is_not_there_is_named(pictures: Path, tmp_path: Path) -> None:
    model, none = edge_file("digits_resnet"), tmp_path / "none"
    assert run_example("classify_images.py", model, none).stderr == f"{none}: there is no such folder\n"
    none.mkdir()
    assert run_example("classify_images.py", model, none).stderr == f"{none}: no pictures in it\n"
    other = run_example("classify_images.py", tmp_path / "model.pyz", pictures)
    assert (other.returncode, other.stderr) == (1, f"{tmp_path / 'model.pyz'}: there is no such model\n")


def test_one_picture_and_what_cannot_be_read(pictures: Path, tmp_path: Path) -> None:
    model, digits = edge_file("digits_resnet"), pictures / "digits"
    done = run_example("classify_images.py", model, digits / "3.png", "--scale", "1/255")
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["3.png"]
    (digits / "4.png").write_bytes((digits / "4.png").read_bytes()[:60])
    Image.fromarray(np.zeros((8, 8), np.uint16)).save(digits / "5.png")
    done = run_example("classify_images.py", model, digits, "--scale", "1/255")
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 8)
    broken, deep = done.stderr.splitlines()
    assert broken.startswith("4.png is passed over: ")
    assert (deep.startswith("5.png is passed over: "), "8 bits" in deep) == (True, True)
    labels = tmp_path / "none.txt"
    done = run_example("classify_images.py", model, digits, "--labels", labels)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{labels} cannot be read as a text file: ")


def test_a_camera_without_opencv_says_what_it_needs() -> None:
    try:
        import cv2  # noqa: F401 - only to see whether it is there
    except ImportError:
        done = run_example("classify_images.py", edge_file("digits_resnet"), "--camera", 0)
        assert done.returncode == 1
        assert "sudo apt install python3-opencv" in done.stderr
    else:
        pytest.skip("OpenCV is installed")
