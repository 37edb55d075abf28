"""Image classification over a folder, or a camera.

    python3 examples/classify_images.py digits.edge photos/ --scale 1/255          # or one picture
    python3 examples/classify_images.py model.pyz --camera 0 --scale 1/255 --mean 0.485,0.456,0.406 --labels names.txt

Pictures are resized to the model's input; NCHW or NHWC, grey or RGB, follow from its shape. A folder needs Pillow (sudo
apt install python3-pil), a camera OpenCV (sudo apt install python3-opencv). `--labels` names a text file with the name
of a class on every line.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from opening import open_model, read_labels

if TYPE_CHECKING:
    from edgeconv.runtime import Interpreter

_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".ppm"}


@dataclass(frozen=True)
class Frame:
    """What the model takes: height, width, channels, and where the channels stand."""

    height: int
    width: int
    channels: int
    channels_last: bool

    @staticmethod
    def of(interpreter: Interpreter) -> Frame:
        """Read off the shape of the only input."""
        known = interpreter.input_type(interpreter.input_names[0])
        if known.rank != 4 or not all(isinstance(dim, int) for dim in known.shape[1:]):
            sys.exit(f"the model takes {known}, which is no batch of images of one size")
        _, a, b, c = known.shape
        return Frame(a, b, c, True) if c in (1, 3) and a not in (1, 3) else Frame(b, c, a, False)


@dataclass(frozen=True)
class Preprocessing:
    """(pixel * scale - mean) / std, pixels 0..255; mean and std are one number, or one per channel."""

    scale: float = 1.0
    mean: NDArray[np.float32] | float = 0.0
    std: NDArray[np.float32] | float = 1.0

    def __call__(self, pixels: NDArray[np.uint8], frame: Frame) -> NDArray[np.float32]:
        """uint8 [H, W] or [H, W, C] -> a batch of one."""
        image = pixels.reshape(frame.height, frame.width, frame.channels).astype(np.float32)
        image = ((image * self.scale - self.mean) / self.std).astype(np.float32)
        return (image if frame.channels_last else image.transpose(2, 0, 1))[None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Classify every picture, and print its best classes."""
    given = _parser().parse_args(arguments)
    interpreter = open_model(given.model)
    frame = Frame.of(interpreter)
    prepare = Preprocessing(_number(given.scale), _numbers(given.mean), _numbers(given.std))
    labels = read_labels(given.labels) if given.labels else []
    pictures = _folder(Path(given.folder), frame) if given.folder else _camera(given.camera, frame)
    for name, pixels in pictures:
        started = time.perf_counter()
        scores = interpreter(prepare(pixels, frame)).reshape(-1)
        spent = 1e3 * (time.perf_counter() - started)
        best = np.argsort(-scores, kind="stable")[: given.top]
        shown = "   ".join(f"{labels[i] if i < len(labels) else i}: {scores[i]:.4g}" for i in best)
        print(f"{name}  {shown}  ({spent:.1f} ms)", flush=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a .edge file, or what `edgeconv deploy` wrote")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("folder", nargs="?", help="pictures, in sub-folders or not; or one picture")
    source.add_argument("--camera", type=int, metavar="NUMBER", help="0 is the first camera")
    parser.add_argument("--scale", default="1", help="multiplies pixels of 0..255, such as 1/255")
    parser.add_argument("--mean", default="0", help="one number, or one per channel: 0.485,0.456,0.406")
    parser.add_argument("--std", default="1", help="as --mean")
    parser.add_argument("--labels", help="a text file, one name per line")
    parser.add_argument("--top", type=int, default=3, help="how many classes to show")
    return parser


def _number(text: str) -> float:
    return float(Fraction(text))


def _numbers(text: str) -> NDArray[np.float32]:
    return np.array([_number(part) for part in text.split(",")], np.float32)


def _folder(folder: Path, frame: Frame) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """(name, pixels) of every picture below `folder`, in order of names."""
    try:
        from PIL import Image
    except ImportError:
        sys.exit("pictures need Pillow: sudo apt install python3-pil")
    inside = [folder] if folder.is_file() else folder.rglob("*")
    paths = sorted(each for each in inside if each.suffix.lower() in _SUFFIXES)
    if not paths:
        sys.exit(f"{folder}: {'no pictures in it' if folder.exists() else 'there is no such folder'}")
    for path in paths:
        name = str(path.relative_to(folder)) if folder.is_dir() else path.name
        try:
            with Image.open(path) as picture:
                if picture.mode.startswith(("I", "F")):
                    raise ValueError(f"pixels of mode {picture.mode}, not of 8 bits")
                turned = picture.convert("L" if frame.channels == 1 else "RGB")
        except (OSError, ValueError) as error:
            print(f"{name} is passed over: {error}", file=sys.stderr)
            continue
        yield name, np.asarray(turned.resize((frame.width, frame.height), Image.Resampling.BILINEAR))


def _camera(number: int, frame: Frame) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """(name, pixels) of the newest picture of a camera, again and again; the largest square in its middle."""
    try:
        import cv2
    except ImportError:
        sys.exit("a camera needs OpenCV: sudo apt install python3-opencv")
    capture: Any = cv2.VideoCapture(number)
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    while True:
        is_there, picture = capture.read()
        if not is_there:
            sys.exit(f"camera {number} gives no picture")
        side = min(picture.shape[:2])
        top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
        square = cv2.resize(picture[top : top + side, left : left + side], (frame.width, frame.height))
        turned = cv2.cvtColor(square, cv2.COLOR_BGR2GRAY if frame.channels == 1 else cv2.COLOR_BGR2RGB)
        yield time.strftime("%H:%M:%S"), turned


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(0)
