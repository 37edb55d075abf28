"""Where the golden files are, what goes in, and how they are made. Imports NumPy and edgeconv.runtime only."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgeconv.core import Array
from edgeconv.runtime import Interpreter

__all__ = ["MODELS", "edge_file", "expected", "raw_outputs", "samples", "update"]

MODELS = ("digits_resnet", "digits_mobilenet", "digits_vit")
_HERE = Path(__file__).resolve().parent
_SAMPLE_MODELS = _HERE.parents[1] / "sample_models"
_COUNT = 21


def edge_file(name: str) -> Path:
    """The int8 model."""
    return _HERE / f"{name}.edge"


def samples(name: str) -> Array:
    """Real test samples, three batches of seven; float32."""
    with np.load(_SAMPLE_MODELS / name / "test.npz") as data:
        return np.asarray(data["input"][:_COUNT])


def expected(name: str) -> Array:
    """The raw int8 outputs that are held to."""
    return np.asarray(np.load(_HERE / f"{name}.npy"))


def raw_outputs(interpreter: Interpreter, x: Array, batch: int) -> Array:
    """Raw int8 outputs for all of `x`, `batch` samples at a time."""
    parts = [interpreter(x[start : start + batch], raw=True) for start in range(0, len(x), batch)]
    return np.concatenate(parts)


def update(name: str) -> None:
    """Convert the sample model anew, and take its outputs as golden."""
    import edgeconv

    folder = _SAMPLE_MODELS / name
    edgeconv.convert(folder / "model.onnx", calibration=folder / "calib.npz").save(edge_file(name), overwrite=True)
    np.save(_HERE / f"{name}.npy", raw_outputs(Interpreter(edge_file(name)), samples(name), 1))
