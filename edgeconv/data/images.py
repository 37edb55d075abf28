"""Folders of images: one input, decoded one by one with Pillow, which is imported here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.data.checks import feed_dtype, single_input
from edgeconv.data.npy import reading
from edgeconv.data.preprocessing import Preprocessing, plan_images
from edgeconv.data.source import Batch, DataSource
from edgeconv.errors import CorruptDataError, DataError

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["IMAGE_SUFFIXES", "ImageSource"]

IMAGE_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
_MODES_8_BIT = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "LAB")


class ImageSource(DataSource):
    """Image files in order, each with its label or None, as the one input of a model.

    Palettes, transparency and CMYK are converted by Pillow to RGB or gray; the first frame of an animation counts.
    Raises DataError without Pillow, for a file that is no image, and for sizes that do not fit.
    """

    uses_preprocessing = True

    def __init__(
        self,
        name: str,
        files: Sequence[tuple[Path, int | None]],
        inputs: Mapping[str, TensorType],
        options: Preprocessing,
    ) -> None:
        super().__init__(name, inputs, len(files), bool(files) and files[0][1] is not None)
        self._files, self._options = list(files), options
        self._input = single_input(name, inputs)
        known = inputs[self._input]
        self._dtype = feed_dtype(known)
        self._plan = plan_images(name, self._input, known, options)
        self._found = _size(files[0][0])
        width, height = self._found
        self._height, self._width = self._plan.height or height, self._plan.width or width
        self._is_open = self._plan.height is None or self._plan.width is None

    def without_first(self, samples: int) -> DataSource:
        """The images from number `samples` on; the others are not opened."""
        rest = copy(self)
        rest._files, rest.count = self._files[samples:], len(self._files) - samples
        return rest

    def pieces(self, size: int) -> Iterator[Batch]:
        """Batches of `size` images."""
        for start in range(0, len(self._files), size):
            files = self._files[start : start + size]
            rows = np.empty((len(files), *self._shape()), self._dtype)
            for row, (path, _) in zip(rows, files, strict=True):
                row[:] = self._numbers(path)
            labels = np.array([label for _, label in files], np.int64) if self.has_labels else None
            yield Batch({self._input: rows}, labels, len(files))

    def describe(self) -> str:
        """One line for people: what is done to the images."""
        size = f"{self._width}x{self._height}"
        if self._found != (self._width, self._height):
            size = f"first image {self._found[0]}x{self._found[1]}, resized to {size} ({self._options.resize})"
        return f"{super().describe()} ({self._plan.mode} {self._plan.layout}, {size}, {self._options.describe()})"

    def _shape(self) -> tuple[int, int, int]:
        if self._plan.layout == "NCHW":
            return self._plan.depth, self._height, self._width
        return self._height, self._width, self._plan.depth

    def _numbers(self, path: Path) -> Array:
        """One image as float32, or as its pixels where nothing is to be computed: [C,H,W] or [H,W,C]."""
        pixels = self._pixels(path)
        if not self._options.is_identity:
            pixels = pixels.astype(np.float32) * np.float32(self._options.scale)
            pixels -= np.array(self._options.mean, np.float32)
            pixels /= np.array(self._options.std, np.float32)
        return pixels.transpose(2, 0, 1) if self._plan.layout == "NCHW" else pixels

    def _pixels(self, path: Path) -> Array:
        """uint8 [H,W,C], channels in the order that the model takes."""
        image = _decode(path, "L" if self._plan.mode == "GRAY" else "RGB")
        pixels = np.asarray(self._resized(path, image)).reshape(self._height, self._width, self._plan.depth)
        return pixels[:, :, ::-1] if self._plan.mode == "BGR" else pixels

    def _resized(self, path: Path, image: Image) -> Image:
        if image.size == (self._width, self._height):
            return image
        found = f"{path}: image is {image.width}x{image.height}, expected {self._width}x{self._height}"
        if self._is_open:
            raise DataError(f"{found} like the first one, since the model fixes no size; fix one with --input-shape")
        if self._options.resize == "exact":
            raise DataError(f"{found}; resize it, or say --resize stretch or --resize center-crop")
        from PIL import Image as Pillow
        from PIL import ImageOps

        size = (self._width, self._height)
        if self._options.resize == "center-crop":
            return ImageOps.fit(image, size, Pillow.Resampling.BILINEAR)
        return image.resize(size, Pillow.Resampling.BILINEAR)


def _size(path: Path) -> tuple[int, int]:
    """Width and height, from the file's header."""
    with _opened(path) as image:
        return image.size


def _decode(path: Path, mode: str) -> Image:
    with _opened(path) as image:
        if image.mode not in _MODES_8_BIT:
            raise DataError(
                f"{path}: pixels of mode {image.mode!r}; expected 8 bits per channel: convert it, or give an .npz"
            )
        return image.convert(mode)


@contextmanager
def _opened(path: Path) -> Iterator[Image]:
    """The image in a file, not decoded yet; what goes wrong inside becomes one line."""
    try:
        from PIL import Image as Pillow
    except ImportError as error:
        raise DataError(f'{path}: reading images needs Pillow: pip install "edgeconv[images]"') from error
    with reading(str(path)):
        try:
            with Pillow.open(path) as image:
                yield image
        except (SyntaxError, IndexError, KeyError, TypeError, Pillow.DecompressionBombError) as error:
            raise CorruptDataError(f"{path}: no readable image ({error}); replace or remove it") from error
