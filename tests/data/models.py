"""Inputs of the models that the tests in this folder imagine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from edgeconv.core import Dim, TensorType
from edgeconv.dims import symbol

N = symbol("N")
H, W = symbol("h"), symbol("w")


def image_input(channels: Dim = 3, height: Dim = 4, width: Dim = 5, layout: str = "NCHW") -> dict[str, TensorType]:
    """One float32 image input called "input"."""
    shape = (N, channels, height, width) if layout == "NCHW" else (N, height, width, channels)
    return {"input": TensorType("float32", shape)}


def vector_input(size: Dim = 3, dtype: str = "float32", batch: Dim = N) -> dict[str, TensorType]:
    """One input "x" of shape [batch, size]."""
    return {"x": TensorType(dtype, (batch, size))}


def save_image(path: Path, pixels: object, mode: str | None = None) -> None:
    """A uint8 array [H,W,3] or [H,W] as an image file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.asarray(pixels, np.uint8))
    (image.convert(mode) if mode else image).save(path)
